//! The log of look-ups: who read what, and when. Each line ends with a hash over itself and the line before, and the ledger
//! records where it stands whenever a writer begins and ends. What a crash tore at its end is cut back, and a full file is put aside.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::home::Home;
use crate::keys::sha256;
use crate::record::AccessHead;

pub(crate) const FILE: &str = "access.jsonl";
/// Bytes after which the file is put aside under the number of its last line: appending reads it whole. Engineering default.
const MAX_BYTES: usize = 256 << 10;

/// What the file begins with that keeps lines which do not follow.
const ALTERED: &str = "access.altered.";

/// One look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// When, milliseconds since 1970 UTC.
    pub ms: i64,
    /// Who, as the system knows the caller.
    pub by: String,
    /// The command: `show`, `find`, `export`, `replay`, `prove`.
    pub command: String,
    /// What was asked for. Users are named by nothing but that they were asked for.
    pub asked: String,
    /// How many records were shown.
    pub records: u64,
    /// Whether personal columns were shown.
    pub personal: bool,
}

/// What a file of the log holds.
struct Lines {
    /// Where the log stands after each line that follows from the one before it.
    heads: Vec<AccessHead>,
    /// Bytes of these lines.
    length: usize,
    /// What comes after them.
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// A line that is not ended: whoever wrote it was stopped, and showed nothing.
    Torn,
    /// A line that does not follow.
    Altered,
}

/// Appends a look-up, and has it on the disk before anything is shown.
pub(crate) fn append(home: &Home, access: &Access) -> Result<(), LedgerError> {
    let opened = home.growing(FILE).and_then(|file| file.lock().map_err(home.io(FILE)).map(|()| file));
    let mut file = match opened {
        Err(LedgerError::Io { .. }) if home.is_read_only() => {
            return Err(LedgerError::ReadOnly { place: home.place().to_owned() });
        }
        opened => opened?,
    };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(home.io(FILE))?;
    let aside = asides(home)?.pop();
    let mut before = aside.clone().unwrap_or_default();
    // A crash may have come between putting the file aside and emptying it.
    if let Some(aside) = aside
        && !text.is_empty()
        && read(home, &aside_file(&aside))? == text
    {
        file.set_len(0).map_err(home.io(FILE))?;
        text.clear();
    }
    let Lines { heads, length, end } = lines(&text, before.clone());
    before = heads.last().cloned().unwrap_or(before);
    match end {
        End::Torn => file.set_len(length as u64).map_err(home.io(FILE))?,
        End::Whole if length < MAX_BYTES => {}
        // What was altered stays to be seen, and look-ups go on from the last line that follows.
        End::Whole | End::Altered => {
            if !heads.is_empty() {
                home.write(&aside_file(&before), &text.as_bytes()[..length])?;
            }
            if end == End::Altered {
                let rest = &text.as_bytes()[length..];
                home.write(&format!("{ALTERED}{}.jsonl", sha256(rest)), rest)?;
            }
            file.set_len(0).map_err(home.io(FILE))?;
        }
    }
    let begin = file.seek(SeekFrom::End(0)).map_err(home.io(FILE))?;
    // Writing to memory cannot fail.
    let body = serde_json::to_string(access).unwrap_or_default();
    let line = format!("{body} {}\n", sha256(format!("{}{body}", before.head).as_bytes()));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(|error| {
        // Half a line is none.
        let _ = file.set_len(begin);
        home.io(FILE)(error)
    })
}

/// Where the log stands, as far as it follows from its beginning: whatever became of it, recording goes on.
pub(crate) fn head(home: &Home) -> AccessHead {
    let before = asides(home).ok().and_then(|mut all| all.pop()).unwrap_or_default();
    let text = read(home, FILE).unwrap_or_default();
    lines(&text, before.clone()).heads.pop().unwrap_or(before)
}

/// What a check of the whole log found.
#[derive(Default)]
pub(crate) struct Checked {
    /// Where the log stands after each of its lines, by their number.
    pub(crate) heads: BTreeMap<u64, String>,
    pub(crate) findings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Reads the whole log, and says what does not follow.
pub(crate) fn check(home: &Home) -> Result<Checked, LedgerError> {
    let Checked { heads: mut all, mut findings, mut notes } = Checked::default();
    let mut before = AccessHead::default();
    for name in asides(home)?.iter().map(aside_file).chain([FILE.to_owned()]) {
        let text = match read(home, &name) {
            Ok(text) => text,
            Err(error) => {
                findings.push(error.to_string());
                continue;
            }
        };
        let Lines { heads, end, .. } = lines(&text, before.clone());
        before = heads.last().cloned().unwrap_or(before);
        let next = before.lines + 1;
        match end {
            End::Whole => {}
            End::Torn if name == FILE => {
                notes.push(format!("{}: line {next} was never finished, and nothing was shown for it", home.of(&name)));
            }
            End::Torn | End::Altered => {
                findings.push(format!("{}: line {next} does not follow from the line before it", home.of(&name)));
            }
        }
        all.extend(heads.into_iter().map(|AccessHead { lines, head }| (lines, head)));
    }
    for name in home.names(".")?.iter().filter(|name| name.starts_with(ALTERED)) {
        findings
            .push(format!("{}: it was found in the log and does not follow from what was before it", home.of(name)));
    }
    Ok(Checked { heads: all, findings, notes })
}

/// The file of a part of the log that was put aside, by where the log stands at its end.
fn aside_file(AccessHead { lines, head }: &AccessHead) -> String {
    format!("access.{lines:012}.{head}.jsonl")
}

/// Whether a file of the ledger's folder is of the log.
pub(crate) fn is_part(name: &str) -> bool {
    name == FILE || name.starts_with(ALTERED) || of_aside(name).is_some()
}

/// Where the log stands at the end of a part that was put aside; none where no part is called so.
fn of_aside(name: &str) -> Option<AccessHead> {
    let (lines, head) = name.strip_prefix("access.")?.strip_suffix(".jsonl")?.split_once('.')?;
    let at = AccessHead { lines: lines.parse().ok()?, head: head.to_owned() };
    (aside_file(&at) == name).then_some(at)
}

/// The parts that were put aside, in order.
fn asides(home: &Home) -> Result<Vec<AccessHead>, LedgerError> {
    let mut all: Vec<AccessHead> = home.names(".")?.iter().filter_map(|name| of_aside(name)).collect();
    all.sort_by_key(|at| at.lines);
    Ok(all)
}

/// A file of the log; empty where it is not there.
fn read(home: &Home, name: &str) -> Result<String, LedgerError> {
    let mut file = match home.file(name) {
        Ok(file) => file,
        Err(LedgerError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    // Nobody is in the middle of a line.
    let read: io::Result<()> = file.lock_shared().and_then(|()| file.read_to_end(&mut text).map(drop));
    read.map_err(home.io(name))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The lines of a file that follow from where the log stood before it.
fn lines(text: &str, mut before: AccessHead) -> Lines {
    let mut read = Lines { heads: Vec::new(), length: 0, end: End::Whole };
    for line in text.split_inclusive('\n') {
        let follows = |(body, hash): &(&str, &str)| sha256(format!("{}{body}", before.head).as_bytes()) == *hash;
        let Some(whole) = line.strip_suffix('\n') else {
            // A crash leaves a line short, and never longer than it was.
            let mut shorter = line.chars();
            shorter.next_back();
            let longer = shorter.as_str().rsplit_once(' ').is_some_and(|parts| follows(&parts));
            read.end = if longer { End::Altered } else { End::Torn };
            break;
        };
        let Some((_, hash)) = whole.rsplit_once(' ').filter(follows) else {
            read.end = End::Altered;
            break;
        };
        before = AccessHead { lines: before.lines + 1, head: hash.to_owned() };
        read.heads.push(before.clone());
        read.length += line.len();
    }
    read
}
