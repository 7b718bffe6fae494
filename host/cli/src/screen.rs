//! The one way out: whatever this program prints goes through here, to standard output or standard error.
//!
//! Much of it is foreign: sentences of modules, ids of requests, reasons of operators, texts of repositories. So whatever steers
//! a terminal or the direction of writing, and whatever begins a line, is shown by its number and never obeyed. In JSON it is
//! escaped as JSON has it, so that a program reads the same text.
//!
//! A standard output that takes no more costs no work: the command goes on, one sentence says so, and the exit code is 2. A
//! standard error that takes no more costs its remarks. A reader that goes away (`| head`) ends the program as it ends any other.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use normgate::contract::steers;

use crate::limits;

/// Whether standard output refused something.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line to standard output, in which nothing steers the terminal.
macro_rules! say {
    () => { $crate::screen::line(format_args!("")) };
    ($($text:tt)*) => { $crate::screen::line(format_args!($($text)*)) };
}

/// Tells a person something, in a line on standard error.
macro_rules! remark {
    ($($text:tt)*) => { $crate::screen::remark(format_args!($($text)*)) };
}

/// What [`say!`] stands for.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    out(&format!("{}\n", visible(&text.to_string())));
}

/// What [`remark!`] stands for.
pub(crate) fn remark(text: fmt::Arguments<'_>) {
    err(&format!("normgate: {}\n", visible(&text.to_string())));
}

/// Tells why the command ends. An error of several lines, a compiler's, keeps them, each but the first indented. A cause that the
/// sentence before it ends with is not said again. Nobody is told who went away.
pub(crate) fn complain(error: &anyhow::Error) {
    let is_gone = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<Gone>());
    if error.chain().filter_map(|cause| cause.downcast_ref()).any(is_gone) {
        end_of_a_closed_pipe();
    }
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    err(&format!("normgate: {}{}\n", indented(&said), limits::met(&said)));
}

/// Tells what is wrong with the arguments. Some of them may be foreign, an id out of a list: then no line is but the first.
pub(crate) fn usage(text: &str) {
    let foreign = std::env::args_os().any(|argument| argument.to_string_lossy().chars().any(steers));
    if foreign { err(&format!("{}\n", indented(text))) } else { err(&lines(text)) }
}

/// Prints foreign text of several lines after a head, each line but the first indented.
pub(crate) fn block(head: &str, text: &str) {
    out(&format!("{head}{}\n", indented(text)));
}

/// Prints a text whose lines are made by this program, as it stands but for what steers.
pub(crate) fn page(text: &str) {
    out(&lines(text));
}

/// The same on standard error.
pub(crate) fn aside(text: &str) {
    err(&lines(text));
}

/// Prints a text that this program carries, its colours included. Nothing foreign may be in it.
pub(crate) fn own(text: &str) {
    out(text);
}

/// Prints a line of JSON, or JSON of several lines.
pub(crate) fn json(text: &impl Display) {
    out(&format!("{}\n", visible_json(&text.to_string())));
}

/// Writes what a program reads that knows its form.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut output = stdout();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(given_up)
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// Ends the output. The code of a command whose output was lost is 2.
pub(crate) fn finish(code: ExitCode) -> ExitCode {
    if let Err(error) = stdout().flush() {
        lose(error);
    }
    if LOST.load(Ordering::Relaxed) { ExitCode::from(2) } else { code }
}

/// Standard output for many lines of JSON.
pub(crate) struct JsonLines(BufWriter<StdoutLock<'static>>);

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 20, stdout().lock()))
    }

    /// Writes a line, and hands back why it cannot: what is judged for nobody need not be judged.
    pub(crate) fn write(&mut self, json: &str) -> io::Result<()> {
        let json = visible_json(json);
        self.0.write_all(json.as_bytes()).and_then(|()| self.0.write_all(b"\n")).map_err(gone)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(gone)
    }
}

/// The reader of standard output went away. A command ends what it has begun, and then as whatever does not handle a closed pipe.
#[derive(Debug)]
struct Gone;

impl Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its reader went away")
    }
}

impl std::error::Error for Gone {}

fn gone(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), Gone) } else { error }
}

/// A count on standard error that is written over itself, where a person looks.
pub(crate) struct Progress {
    wanted: bool,
    shown: AtomicBool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { wanted: stderr().is_terminal(), shown: AtomicBool::new(false) }
    }

    /// None but for a person who sees standard error apart from the output.
    pub(crate) fn beside_output() -> Self {
        Self { wanted: stderr().is_terminal() && !is_terminal(), shown: AtomicBool::new(false) }
    }

    pub(crate) fn show(&self, text: impl Display) {
        if self.wanted {
            self.shown.store(true, Ordering::Relaxed);
            err(&format!("\r{}", visible(&text.to_string())));
        }
    }

    /// Takes the count away.
    pub(crate) fn clear(&self) {
        if self.shown.swap(false, Ordering::Relaxed) {
            err(&format!("\r{:60}\r", ""));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.swap(false, Ordering::Relaxed) {
            err("\n");
        }
    }
}

/// Where the log goes: one event a line.
pub(crate) enum Log {
    /// As text.
    Text,
    /// As JSON.
    Json,
}

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        err(&format!("{}\n", if matches!(self, Self::Json) { visible_json(text) } else { visible(text) }));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text in one line that shows what it would have steered.
fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false, |out, character| write!(out, "{}", character.escape_default()))
}

/// The same of a text whose lines are its own.
fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character == '\n', |out, character| write!(out, "{}", character.escape_default()))
}

/// JSON that says the same. Its white space stands outside of texts; every other control character below space is escaped already.
fn visible_json(text: &str) -> Cow<'_, str> {
    // Most of it is long and plain, and this is fast.
    if text.is_ascii() && !text.as_bytes().contains(&0x7f) {
        return text.into();
    }
    let stays = |character| character < '\u{7f}';
    escaped(text, stays, |out, character| write!(out, "\\u{:04x}", u32::from(character)))
}

fn escaped(
    text: &str,
    stays: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char) -> fmt::Result,
) -> Cow<'_, str> {
    let obeyed = |character: char| steers(character) && !stays(character);
    if !text.chars().any(obeyed) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if obeyed(character) {
            // Writing to a string cannot fail.
            let _ = escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// Lines of which no one but the first stands where a line of this program would.
fn indented(text: &str) -> String {
    text.trim_end().split('\n').map(visible).collect::<Vec<_>>().join("\n    ")
}

fn out(text: &str) {
    if LOST.load(Ordering::Relaxed) {
        return;
    }
    if let Err(error) = stdout().write_all(text.as_bytes()) {
        lose(error);
    }
}

/// Writes to standard error as far as it takes anything: nothing is judged, kept or answered otherwise for want of a remark.
fn err(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

fn lose(error: io::Error) {
    let error = given_up(error);
    if !LOST.swap(true, Ordering::Relaxed) {
        remark!("standard output: {error}");
    }
}

/// Why standard output takes no more. When its reader went away, there is nobody to tell, and the program ends here.
fn given_up(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        end_of_a_closed_pipe();
    }
    error
}

/// Ends as whatever does not handle a closed pipe.
fn end_of_a_closed_pipe() -> ! {
    #[cfg(unix)]
    #[allow(unsafe_code, reason = "the default action of a signal is set and taken through libc")]
    // SAFETY: both take numbers, and no handler of ours is replaced.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
    std::process::exit(1)
}

#[allow(clippy::disallowed_methods, reason = "this is the one way out")]
fn stdout() -> io::Stdout {
    io::stdout()
}

#[allow(clippy::disallowed_methods, reason = "this is the one way out")]
fn stderr() -> io::Stderr {
    io::stderr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_shown_and_not_obeyed() {
        let foreign = "a\u{1b}[2K\r\nproof\tin \u{202e}gol\u{9b}8m 题";
        assert_eq!(visible(foreign), "a\\u{1b}[2K\\r\\nproof\\tin \\u{202e}gol\\u{9b}8m 题");
        assert_eq!(lines("one\ntwo\r\u{2028}"), "one\ntwo\\r\\u{2028}");
        assert_eq!(indented("error\nproof  in the log\n"), "error\n    proof  in the log");
        assert!(matches!(visible("题 “plain”"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{2028}\n\"\\题";
        let value = serde_json::json!({ text: [text] });
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap_or_default()] {
            let shown = visible_json(&json);
            assert!(shown.chars().all(|character| character == '\n' || !steers(character)), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok().as_ref(), Some(&value));
        }
    }
}
