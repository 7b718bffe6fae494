//! The log of look-ups: who read what, and when. Each line ends with a hash over itself and the line before, and the ledger
//! records where it stands whenever a writer begins and ends.

use std::io::{ErrorKind, Read, Write};

use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::home::Home;
use crate::keys::sha256;
use crate::record::AccessHead;

pub(crate) const FILE: &str = "access.jsonl";

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

/// Appends a look-up, and has it on the disk before anything is shown.
pub(crate) fn append(home: &Home, access: &Access) -> Result<(), LedgerError> {
    let mut file = home.growing(FILE)?;
    file.lock().map_err(home.io(FILE))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(home.io(FILE))?;
    let AccessHead { head, .. } = check(home, &text)?.pop().unwrap_or_default();
    // Writing to memory cannot fail.
    let body = serde_json::to_string(access).unwrap_or_default();
    let line = format!("{body} {}\n", sha256(format!("{head}{body}").as_bytes()));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(home.io(FILE))
}

/// Where the log stands after each of its lines.
pub(crate) fn heads(home: &Home) -> Result<Vec<AccessHead>, LedgerError> {
    let mut file = match home.file(FILE) {
        Ok(file) => file,
        Err(LedgerError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Nobody is in the middle of a line.
    file.lock_shared().map_err(home.io(FILE))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(home.io(FILE))?;
    check(home, &text)
}

fn check(home: &Home, text: &str) -> Result<Vec<AccessHead>, LedgerError> {
    let mut heads: Vec<AccessHead> = Vec::new();
    for line in text.split_inclusive('\n') {
        let number = heads.len() as u64 + 1;
        let before = heads.last().map_or("", |head| head.head.as_str());
        let whole = line.strip_suffix('\n').and_then(|line| line.rsplit_once(' '));
        let head =
            whole.filter(|(body, hash)| sha256(format!("{before}{body}").as_bytes()) == *hash).map(|(_, hash)| hash);
        let head = head.ok_or_else(|| {
            LedgerError::altered(home.of(FILE), format!("line {number} does not follow from the line before it"))
        })?;
        heads.push(AccessHead { lines: number, head: head.to_owned() });
    }
    Ok(heads)
}
