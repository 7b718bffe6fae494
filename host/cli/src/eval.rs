//! `normgate eval`: JSON lines in, JSON lines out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, ValueEnum};
use normgate::{Detail, InputError, Language};
use serde_json::json;

use crate::source::Source;

/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Judge requests: one JSON object a line in, one a line out, in the same order. A line that cannot be judged is answered
/// with an error in its place, and the lines around it are judged.
///
/// Example: normgate eval -i requests.jsonl --only art18 --explain en
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Requests, one a line; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl", default_value = "-")]
    input: PathBuf,

    #[command(flatten)]
    source: Source,

    /// Add to each reason its sentence, article and remedy
    #[arg(long, value_name = "LANGUAGE")]
    explain: Option<Lang>,

    /// Add to each reason the values that it rests on
    #[arg(long)]
    evidence: bool,

    /// Refuse requests with unknown fields instead of ignoring these
    #[arg(long)]
    strict: bool,
}

/// A language of sentences.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Lang {
    /// Chinese
    Zh,
    /// English
    En,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Zh => Self::Zh,
            Lang::En => Self::En,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gate = args.source.build()?;
    let reader = gate.reader().strict(args.strict);
    let detail = Detail { explain: args.explain.map(Language::from), evidence: args.evidence };
    let mut input: Box<dyn BufRead> = if args.input.as_os_str() == "-" {
        Box::new(BufReader::with_capacity(1 << 20, io::stdin().lock()))
    } else {
        let file = File::open(&args.input).with_context(|| args.input.display().to_string())?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let mut output = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let flush_each = io::stdout().is_terminal() || args.input.as_os_str() == "-";
    let show_progress = io::stderr().is_terminal() && !io::stdout().is_terminal();

    let mut tally = Tally::default();
    let mut line = Vec::new();
    while read_line(&mut *input, &mut line)? {
        tally.line += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let batch = if line.len() > MAX_LINE_BYTES {
            let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
            Err(InputError { id: None, path: String::new(), message })
        } else {
            reader.read(text)
        };
        match batch {
            Ok(batch) => {
                tally.judged += 1;
                tally.ignored += u64::from(batch.ignored_fields());
                writeln!(output, "{}", gate.evaluate(&batch).to_json(detail))?;
            }
            Err(error) => {
                tally.refused += 1;
                let answer = json!({
                    "line": tally.line, "id": error.id, "error": {"path": error.path, "message": error.message},
                });
                writeln!(output, "{answer}")?;
                let place = if error.path.is_empty() { "the request" } else { &error.path };
                eprintln!("normgate: line {}: {place}: {}", tally.line, error.message);
            }
        }
        if flush_each {
            output.flush()?;
        }
        if show_progress && tally.line % 1_000 == 0 {
            eprint!("\r{} judged, {} refused", tally.judged, tally.refused);
        }
    }
    output.flush()?;
    if show_progress && tally.line >= 1_000 {
        eprintln!("\r{} judged, {} refused", tally.judged, tally.refused);
    }
    if tally.ignored > 0 {
        eprintln!("normgate: {} unknown fields were ignored; --strict refuses them", tally.ignored);
    }
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[derive(Default)]
struct Tally {
    line: u64,
    judged: u64,
    refused: u64,
    ignored: u64,
}

/// Reads the next line; false at the end. Of a line that is too long, only so much is kept that it shows.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |end| end + 1);
        if line.len() <= MAX_LINE_BYTES {
            line.extend_from_slice(&chunk[..taken]);
        }
        input.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}
