//! Requests, one JSON object a line, read one at a time from a file or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use normgate::{Batch, InputError, Reader};

use crate::ending::Watched;

/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 64 << 20;

/// The requests of a file; `-` is standard input.
pub(crate) struct Requests {
    input: Box<dyn BufRead>,
    reader: Reader,
    line: Vec<u8>,
    /// Number of the line read last, from 1.
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
        Ok(Self { input, reader, line: Vec::new(), number: 0 })
    }

    /// The next request, or why its line is none; nothing at the end. Empty lines are passed over.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Batch, InputError>>> {
        while self.read_line()? {
            self.number += 1;
            let text = self.line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if self.line.len() > MAX_LINE_BYTES {
                let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
                return Ok(Some(Err(InputError { id: None, path: String::new(), message })));
            }
            return Ok(Some(self.reader.read(text)));
        }
        Ok(None)
    }

    /// The line read last.
    pub(crate) fn text(&self) -> &[u8] {
        self.line.trim_ascii()
    }

    /// Reads a line; false at the end. Of a line that is too long, only so much is kept that it shows.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            if self.line.len() <= MAX_LINE_BYTES {
                self.line.extend_from_slice(&chunk[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// One sentence on a request that cannot be judged.
pub(crate) fn complain(number: u64, error: &InputError) {
    let place = if error.path.is_empty() { "the request" } else { &error.path };
    remark!("line {number}: {place}: {}", error.message);
}
