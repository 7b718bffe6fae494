//! Wrapping: keys lie on the disk as a command of the platform gives them back, which knows a key that lives elsewhere.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::LedgerError;
use crate::keys::Secret;

/// How long a command may take, and how many bytes it may answer: what a service in another place needs, with room.
const WITHIN: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 4 << 10;
/// What the file of a wrapped key begins with.
const WRAPPED: &[u8] = b"wrapped ";

/// The command that wraps and unwraps keys, such as a client of a key management service. It is run without a shell, once a key,
/// with two more arguments: `wrap` or `unwrap`, and the name of the key. It reads 32 bytes and writes what they are wrapped as, or
/// the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapCommand {
    program: PathBuf,
    arguments: Vec<String>,
    within: Duration,
}

impl WrapCommand {
    /// The command with these arguments, the program first.
    ///
    /// # Errors
    /// When the program is not named by an absolute path, is no file, or could be replaced by somebody else: it and every folder
    /// around it have to belong to us or to root, with no right to write for others.
    pub fn new(arguments: &[String]) -> Result<Self, LedgerError> {
        let refused = |what: String| LedgerError::Wrap { place: "keys.wrap_command".into(), message: what };
        let (program, arguments) = arguments.split_first().ok_or_else(|| refused("it names no program".into()))?;
        let path = Path::new(program);
        if !path.is_absolute() {
            return Err(refused(format!("invalid program `{program}`: expected an absolute path")));
        }
        let program = path.canonicalize().map_err(|error| refused(format!("{program}: {error}")))?;
        if !program.is_file() {
            return Err(refused(format!("invalid program `{}`: expected a file", program.display())));
        }
        check_ours(&program).map_err(refused)?;
        Ok(Self { program, arguments: arguments.to_vec(), within: WITHIN })
    }

    /// What the command answers to a text.
    fn run(&self, task: &str, name: &str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        let failed = |what: &str| LedgerError::Wrap {
            place: format!("{} {task} {name}", self.program.display()),
            message: what.to_owned(),
        };
        // Its program may have been exchanged since.
        check_ours(&self.program).map_err(|what| failed(&what))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args([task, name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let answered = self.ask(&mut child, text);
        // Whatever became of it, it does not stay behind.
        let _ = child.kill();
        let ended = child.wait();
        let answer = answered.map_err(|what| failed(&what))?;
        match ended {
            Ok(status) if status.success() => Ok(answer),
            Ok(status) => Err(failed(&format!("it ended with {status}"))),
            Err(error) => Err(failed(&error.to_string())),
        }
    }

    /// Hands a text to the running command, and takes what it answers until it ends, in time.
    fn ask(&self, child: &mut Child, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let until = Instant::now() + self.within;
        let late = || format!("it took more than {} ms", self.within.as_millis());
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no standard input and output".into());
        };
        // What a pipe holds is more than the text; a command that reads none of it has ended.
        let _ = input.write_all(text);
        drop(input);
        let (done, answered) = sync_channel(1);
        thread::spawn(move || {
            let mut answer = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_BYTES + 1));
            let read = output.take(MAX_ANSWER_BYTES as u64 + 1).read_to_end(&mut answer);
            let _ = done.send(read.map(|_| answer));
        });
        let answer = answered.recv_timeout(self.within).map_err(|_| late())?.map_err(|error| error.to_string())?;
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(format!("it answered more than {MAX_ANSWER_BYTES} bytes"));
        }
        while child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if Instant::now() >= until {
                return Err(late());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(answer)
    }
}

/// Refuses a file that somebody else could write or exchange; a clause on why.
pub(crate) fn check_ours(path: &Path) -> Result<(), String> {
    let path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    path.ancestors().try_for_each(check_owner)
}

/// Refuses what somebody else could write, or a folder in which they could put another thing in its place.
#[cfg(unix)]
fn check_owner(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let found = path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()))?;
    let (owner, us, mode) = (found.uid(), rustix::process::geteuid().as_raw(), found.mode());
    if owner != us && owner != 0 {
        return Err(format!(
            "{} belongs to user {owner}: expected root, or user {us}, as whom this runs",
            path.display()
        ));
    }
    if mode & 0o022 != 0 && !(found.is_dir() && mode & STICKY != 0) {
        return Err(format!("others may write to {} (mode {:o}): chmod go-w", path.display(), mode & 0o7777));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &Path) -> Result<(), String> {
    Err("a wrap command needs a system that says who owns a file".into())
}

/// A wrap command at work: what it unwrapped is remembered for as long as the ledger is open, or until a key is destroyed.
#[derive(Debug)]
pub(crate) struct Wrapping {
    command: WrapCommand,
    unwrapped: Mutex<HashMap<Vec<u8>, Secret>>,
}

impl Wrapping {
    pub(crate) fn by(command: Option<WrapCommand>) -> Option<Arc<Self>> {
        command.map(|command| Arc::new(Self { command, unwrapped: Mutex::default() }))
    }

    /// Whether the file of a key is a wrapped one.
    pub(crate) fn has_made(text: &[u8]) -> bool {
        text.starts_with(WRAPPED)
    }

    /// The file of a key, wrapped. It is unwrapped once before anything is sealed with it: what cannot be unwrapped would be lost.
    pub(crate) fn wrap(&self, name: &str, secret: &Secret) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        let refused = |message: &str| LedgerError::Wrap { place: name.to_owned(), message: message.to_owned() };
        let wrapped = self.command.run("wrap", key_name(name), &secret[..])?;
        if wrapped.windows(secret.len()).any(|bytes| bytes == &secret[..]) {
            return Err(refused("the wrap command gave the key back in the clear"));
        }
        let text = Zeroizing::new([WRAPPED, STANDARD.encode(&wrapped[..]).as_bytes(), b"\n"].concat());
        if self.unwrap(name, &text)? != *secret {
            return Err(refused("the wrap command unwraps another key than it wrapped"));
        }
        Ok(text)
    }

    /// The secret in the file of a wrapped key.
    pub(crate) fn unwrap(&self, place: &str, text: &[u8]) -> Result<Secret, LedgerError> {
        let unwrapped = || self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = unwrapped().get(text) {
            return Ok(secret.clone());
        }
        let written = text.strip_prefix(WRAPPED).and_then(|text| text.strip_suffix(b"\n"));
        let wrapped = written.and_then(|text| STANDARD.decode(text).ok());
        let wrapped = wrapped.ok_or_else(|| LedgerError::altered(place, "it is not a wrapped key"))?;
        let secret = self.command.run("unwrap", key_name(place), &wrapped)?;
        let secret: Option<[u8; 32]> = secret[..].try_into().ok();
        let secret = secret.map(Secret::new).ok_or_else(|| LedgerError::Wrap {
            place: place.to_owned(),
            message: "the wrap command did not give back a key of 32 bytes".into(),
        })?;
        unwrapped().insert(text.to_vec(), secret.clone());
        Ok(secret)
    }

    /// Forgets what was unwrapped.
    pub(crate) fn forget(&self) {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The name by which the command knows the key of a file.
fn key_name(place: &str) -> &str {
    let file = place.rsplit_once('/').map_or(place, |(_, file)| file);
    file.strip_suffix(".key").unwrap_or(file)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_command_that_hangs_is_ended() {
        for hanging in ["sleep 9", "exec >&-; sleep 9", "sleep 9 & exit 0"] {
            let arguments = ["/bin/sh", "-c", hanging].map(str::to_owned);
            let command = WrapCommand { within: Duration::from_millis(50), ..WrapCommand::new(&arguments).unwrap() };
            let error = command.run("wrap", "a-key", &[1; 32]).unwrap_err().to_string();
            assert!(error.contains("wrap a-key: it took more than 50 ms"), "{error}");
        }
    }
}
