//! Requests, a stream of JSON objects, read one at a time from a file or standard input.
//!
//! A request may stand in one line or in several, and several in one line. A line that is no JSON costs itself alone. A request that
//! is begun in one line and broken in a later one ends before the first later line that begins with `{`; without such a line it
//! ends with the line that breaks it, and what is indented or closes brackets after that goes with it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use normgate::{Batch, InputError, Mistake, Reader};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::ending::Watched;

/// Longest request that is read, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// The byte order mark that editors put before a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The requests of a file; `-` is standard input.
pub(crate) struct Requests {
    lines: Lines,
    reader: Reader,
    /// The same reader, for what may be none yet: its refusals do not count.
    trying: Reader,
    /// Whether somebody waits for an answer to every line: then an empty one is refused, and ends what was begun.
    pub(crate) answering: bool,
    /// Whether what comes next may be the rest of a request that was broken.
    broken: bool,
    /// Where the request read last stands among the lines.
    text: Range<usize>,
    /// Number of the line in which the request read last begins, from 1.
    pub(crate) number: u64,
}

/// Whether requests come from a file, also one that stands for standard input: then the same ones are read every time.
pub(crate) fn are_of_a_file(path: &Path) -> bool {
    if path.as_os_str() != "-" {
        return path.is_file();
    }
    #[cfg(unix)]
    if let Ok(input) = rustix::fs::fstat(io::stdin()) {
        return rustix::fs::FileType::from_raw_mode(input.st_mode).is_file();
    }
    false
}

impl Requests {
    pub(crate) fn open(path: &Path, reader: Reader) -> Result<Self> {
        let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(BufReader::with_capacity(1 << 20, Watched(io::stdin().lock())))
        } else {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            Box::new(BufReader::with_capacity(1 << 20, Watched(file)))
        };
        Ok(Self::of(input, reader))
    }

    fn of(input: Box<dyn BufRead>, reader: Reader) -> Self {
        let lines = Lines { input, text: Vec::new(), from: 0, number: 0 };
        let trying = reader.uncounted();
        Self { lines, reader, trying, answering: false, broken: false, text: 0..0, number: 0 }
    }

    /// Has an empty line refused, and end what was begun, instead of passed over: for whoever waits for an answer to every line.
    pub(crate) fn answering(mut self) -> Self {
        self.answering = true;
        self
    }

    /// The next request, or why what stands there is none; nothing at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Batch, InputError>>> {
        self.lines.forget();
        while let Some(line) = self.lines.next()? {
            self.number = self.lines.number;
            if line.len() > MAX_BYTES {
                return Ok(Some(self.refuse(line, format!("the line is longer than {MAX_BYTES} bytes"))));
            }
            let text = self.lines.trimmed(line.clone());
            let goes_with_it = self.lines.text[line.start..].first().is_some_and(|byte| b" \t}],\"".contains(byte));
            self.broken &= goes_with_it && !text.is_empty();
            // What a request leaves of its last line is no empty line.
            let is_whole = line.start == 0 || self.lines.text[line.start - 1] == b'\n';
            if text.is_empty() && self.answering && is_whole {
                return Ok(Some(self.refuse(line, "an empty line is no request".into())));
            }
            if text.is_empty() || self.broken {
                continue;
            }
            if let Ok(batch) = self.trying.read(&self.lines.text[text.clone()]) {
                self.text = text;
                return Ok(Some(Ok(batch)));
            }
            return self.resolved(text).map(Some);
        }
        Ok(None)
    }

    /// The text of the request read last.
    pub(crate) fn text(&self) -> &[u8] {
        &self.lines.text[self.text.clone()]
    }

    /// The request, or why it is none.
    fn read(&mut self, text: Range<usize>) -> Result<Batch, InputError> {
        self.text = self.lines.trimmed(text);
        self.reader.read(self.text())
    }

    /// Refuses what stands there for a reason that shows before it is read.
    fn refuse(&mut self, text: Range<usize>, message: String) -> Result<Batch, InputError> {
        self.read(text).map_err(|error| InputError { path: String::new(), message, more: Vec::new(), ..error })
    }

    /// What a line is that is not one request by itself.
    fn resolved(&mut self, line: Range<usize>) -> io::Result<Result<Batch, InputError>> {
        let mut values = serde_json::Deserializer::from_slice(&self.lines.text[line.clone()]).into_iter::<IgnoredAny>();
        match values.next() {
            // More may follow in this line.
            Some(Ok(_)) => {
                let end = line.start + values.byte_offset();
                if end < line.end {
                    self.lines.back_to(end);
                }
                Ok(self.read(line.start..end))
            }
            Some(Err(error)) if error.classify() == Category::Eof => self.over_lines(line),
            _ => Ok(self.read(line)),
        }
    }

    /// Reads on through the lines over which a request may go.
    fn over_lines(&mut self, first: Range<usize>) -> io::Result<Result<Batch, InputError>> {
        let later = self.lines.from;
        let mut source = Continued {
            lines: &mut self.lines,
            at: first.start,
            begin: first.start,
            ends_empty: self.answering,
            ended: false,
            failed: None,
        };
        let whole = Nested::deserialize(&mut serde_json::Deserializer::from_reader(&mut source));
        let (end, failed) = (source.at, source.failed.take());
        if let Some(failed) = failed {
            return Err(failed);
        }
        let Err(error) = whole else {
            self.lines.back_to(end);
            return Ok(self.read(first.start..end));
        };
        let begun = later < self.lines.from;
        self.broken = begun && error.classify() != Category::Eof;
        let text = &self.lines.text;
        let mut starts = (later..self.lines.from).filter(|at| text[at - 1] == b'\n' && text[*at] == b'{');
        if let Some(start) = starts.next() {
            self.broken = false;
            self.lines.back_to(start);
        }
        let refused = self.read(first);
        if !begun {
            return Ok(refused);
        }
        let (bare, line) = (error.to_string(), self.number + error.line() as u64 - 1);
        let bare = bare.rsplit_once(" at line ").map_or(bare.as_str(), |(bare, _)| bare);
        let message = format!("not JSON: {bare} at line {line} column {}", error.column());
        Ok(refused.map_err(|error| InputError { path: String::new(), message, more: Vec::new(), ..error }))
    }
}

/// The lines of the input, of which those of one request are kept, so that they can be read again.
struct Lines {
    input: Box<dyn BufRead>,
    text: Vec<u8>,
    /// What was given out of the text.
    from: usize,
    /// Number of the line given out last.
    number: u64,
}

impl Lines {
    /// Forgets what was given out, where nothing else is there.
    fn forget(&mut self) {
        if self.from == self.text.len() {
            self.text.clear();
            self.from = 0;
        }
    }

    /// The next line with its end, or the rest of one that was gone back to; nothing at the end. Of a line that is too long only so
    /// much is kept that it shows.
    fn next(&mut self) -> io::Result<Option<Range<usize>>> {
        let start = self.from;
        if start == self.text.len() && !self.fill()? {
            return Ok(None);
        }
        let end =
            self.text[start..].iter().position(|byte| *byte == b'\n').map_or(self.text.len(), |end| start + end + 1);
        // The rest of a line is no new one.
        self.number += u64::from(start == 0 || self.text[start - 1] == b'\n');
        self.from = end;
        Ok(Some(start..end))
    }

    /// Reads one more line; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let start = self.text.len();
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(self.text.len() > start);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            if self.text.len() - start <= MAX_BYTES {
                self.text.extend_from_slice(&chunk[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Has what was given out since a place given out again.
    fn back_to(&mut self, place: usize) {
        let starts = (place..self.from).filter(|at| *at == 0 || self.text[at - 1] == b'\n').count();
        self.number -= starts as u64;
        self.from = place;
    }

    /// A part of the text without what surrounds a value.
    fn trimmed(&self, part: Range<usize>) -> Range<usize> {
        let text = &self.text[part.clone()];
        let text = text.strip_prefix(MARK).unwrap_or(text);
        let start = part.end - text.trim_ascii_start().len();
        start..start + text.trim_ascii().len()
    }
}

/// The text of a request over several lines, which are taken as they are needed.
struct Continued<'l> {
    lines: &'l mut Lines,
    begin: usize,
    at: usize,
    /// Whether an empty line ends it.
    ends_empty: bool,
    ended: bool,
    failed: Option<io::Error>,
}

impl Read for Continued<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.lines.from && self.lines.from - self.begin <= MAX_BYTES && !self.ended {
            match self.lines.next() {
                Ok(Some(line)) => self.ended = self.ends_empty && self.lines.trimmed(line).is_empty(),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.failed = Some(error);
                    self.ended = true;
                }
            }
        }
        // Whoever is told of the end may ask again.
        if self.ended {
            return Ok(0);
        }
        let read = into.len().min(self.lines.from - self.at);
        into[..read].copy_from_slice(&self.lines.text[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

/// Any JSON value that is not nested beyond what a request may be: so a broken one shows after a few lines.
struct Nested;

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

/// One line on a request that cannot be judged, with everything that is wrong with it.
pub(crate) fn complain(number: u64, error: &InputError) {
    let place = |path: &'_ str| if path.is_empty() { "the request".to_owned() } else { path.to_owned() };
    let mut said = format!("{}: {}", place(&error.path), error.message);
    for Mistake { path, message } in &error.more {
        said += &format!("; {}: {message}", place(path));
    }
    remark!("line {number}: {said}");
}
