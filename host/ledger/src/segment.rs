//! Segment files: a head, then frame after frame. A purged segment is the same without what the frames held.
//!
//! A segment is written by one writer, from its opening to its end, and never again: what a crash tore stays where it is, and
//! the next segment says how much of its predecessor counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use normgate::contract::{Day, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bytes::fill;
use crate::error::LedgerError;
use crate::frame::{self, HEAD_BYTES, Head, MAX_STORED_BYTES, MOST};
use crate::home::{Home, SEGMENTS};
use crate::keys::{EpochKeys, Key, Slot, unhex};
use crate::merkle::Edge;
use crate::record::{Event, Part, Record};

const MAGIC: &[u8; 8] = b"NGSEG-2\n";
/// What segments of earlier builds begin with, in which much of a list stood in the open.
const EARLIER: &[u8; 8] = b"NGSEG-1\n";
/// Longest head of a segment, in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most bytes of an unfinished frame.
const MAX_TORN_BYTES: u64 = (HEAD_BYTES + 4 + MAX_STORED_BYTES) as u64;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentHead {
    /// Its number, from 0.
    pub(crate) segment: u64,
    /// The day that its records are of, whose keys sealed them.
    pub(crate) epoch: Day,
    /// Names of these keys, by name of their slot: all that the day may need, used or not.
    pub(crate) keys: BTreeMap<String, String>,
    /// Whether lists are answered before they are on the disk.
    pub(crate) behind: bool,
    /// Frames and records before it.
    pub(crate) frames: u64,
    pub(crate) records: u64,
    /// Right edge of the log before it.
    pub(crate) edge: Vec<String>,
    /// The segment before it as it was found.
    pub(crate) before: Option<Before>,
}

/// How much of a segment counts, as the next one found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// Bytes of whole frames, with the head.
    pub(crate) length: u64,
    /// Bytes after them, that a crash left of an unfinished frame.
    pub(crate) torn: u64,
    /// SHA-256 of these.
    pub(crate) torn_sha256: String,
}

impl SegmentHead {
    pub(crate) fn log(&self) -> Option<Edge> {
        let nodes = self.edge.iter().map(|node| unhex(node)?.try_into().ok()).collect::<Option<_>>()?;
        let log = Edge { size: self.frames, nodes };
        (log.nodes.len() == log.size.count_ones() as usize).then_some(log)
    }

    /// The slots of these keys, with their names.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (Slot, &String)> {
        Slot::all(self.epoch).filter_map(|slot| Some((slot, self.keys.get(&slot.name())?)))
    }

    /// The keys that are there, for reading what was sealed. A key of the same day that is not the one that sealed this segment
    /// opens nothing in it.
    pub(crate) fn keys(&self, home: &Home) -> Result<EpochKeys, LedgerError> {
        Ok(EpochKeys::read(home, self.epoch)?.only(&self.keys))
    }

    fn text(&self) -> Vec<u8> {
        // Writing to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As it begins a file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let text = self.text();
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(&text);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// By which its first record names it.
    pub(crate) fn digest(&self) -> String {
        hex(&Sha256::digest(self.text()))
    }

    /// The head that a file begins with, and its length; a clause on what is wrong otherwise.
    fn read(input: &mut impl Read) -> io::Result<Result<(Self, u64), String>> {
        let mut start = [0; 12];
        let got = fill(input, &mut start)?;
        let length = u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize;
        if start.starts_with(EARLIER) {
            return Ok(Err(
                "an earlier build wrote it, and this one cannot read it; look into it with that build".into()
            ));
        }
        if got < start.len() || !start.starts_with(MAGIC) || length > MAX_HEAD_BYTES {
            return Ok(Err("it does not begin as a segment does".into()));
        }
        let mut rest = vec![0; length + 4];
        let got = fill(input, &mut rest)?;
        let (text, checksum) = rest.split_at(length);
        if got < rest.len() || crc32c::crc32c_append(crc32c::crc32c(&start), text).to_le_bytes() != checksum {
            return Ok(Err("its head does not agree with its checksum".into()));
        }
        let head = serde_json::from_slice(text).map_err(|error| error.to_string()).and_then(|head: Self| {
            let counted = [head.segment, head.frames, head.records].into_iter().all(|count| count <= MOST);
            if counted {
                Ok(head)
            } else {
                Err("its head counts more than any log has; see `normgate ledger verify`".into())
            }
        });
        Ok(head.map(|head| (head, (start.len() + rest.len()) as u64)))
    }
}

/// The file of a segment, or of what is left of a purged one.
pub(crate) fn file(segment: u64, purged: bool) -> String {
    format!("{SEGMENTS}/{segment:012}.{}", if purged { "purged" } else { "seg" })
}

/// The segment that a file of this name is, and whether it is purged; none where no segment is called so.
pub(crate) fn of_file(name: &str) -> Option<(u64, bool)> {
    let (number, form) = name.split_once('.')?;
    let (number, purged) = (number.parse().ok()?, form == "purged");
    (file(number, purged) == format!("{SEGMENTS}/{name}")).then_some((number, purged))
}

/// The segments of a ledger in order, each with whether it is purged. One that is there in both forms is being purged, and is
/// still whole. Other files are passed over.
pub(crate) fn list(home: &Home) -> Result<Vec<(u64, bool)>, LedgerError> {
    let mut segments: Vec<(u64, bool)> = Vec::new();
    for (number, purged) in home.names(SEGMENTS)?.iter().filter_map(|name| of_file(name)) {
        // By name, `purged` comes before `seg`, and what is whole says more.
        if segments.last().is_some_and(|(last, _)| *last == number) {
            segments.pop();
        }
        segments.push((number, purged));
    }
    Ok(segments)
}

/// The segments of a ledger without one at the end that a crash left before it began.
pub(crate) fn begun(home: &Home) -> Result<Vec<(u64, bool)>, LedgerError> {
    let mut segments = list(home)?;
    segments.pop_if(|(number, purged)| is_unbegun(home, *number, *purged).is_ok_and(|is| is));
    Ok(segments)
}

/// Whether a segment ends inside of its own head: a crash left it so, or never wrote any of it.
pub(crate) fn is_unbegun(home: &Home, segment: u64, purged: bool) -> Result<bool, LedgerError> {
    let (name, mut bytes) = (file(segment, purged), Vec::new());
    let most = (12 + MAX_HEAD_BYTES + 4) as u64;
    home.file(&name)?.take(most).read_to_end(&mut bytes).map_err(home.io(&name))?;
    let (magic, rest) = bytes.split_at(bytes.len().min(MAGIC.len()));
    let length = rest.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    let cut =
        MAGIC.starts_with(magic) && length.is_none_or(|length| length <= MAX_HEAD_BYTES && rest.len() < 4 + length + 4);
    Ok(cut || bytes.iter().all(|byte| *byte == 0))
}

/// A segment being read.
pub(crate) struct SegmentReader {
    pub(crate) head: SegmentHead,
    pub(crate) purged: bool,
    name: String,
    input: BufReader<File>,
    /// Bytes up to the end of the last whole frame.
    pub(crate) length: u64,
    total: u64,
}

/// What comes next in a segment.
pub(crate) enum Next {
    /// A frame; its records are encoded, and none were asked for or are left.
    Frame(Head, Option<Vec<Vec<u8>>>),
    /// A frame whose head is whole and whose records are not, with a clause on what is wrong. What follows it can be read.
    Damaged(Head, &'static str),
    /// The end.
    End,
    /// Something that is no whole frame.
    Broken {
        /// What.
        what: String,
        /// Whether it may be what a crash left: the file ends inside of it.
        torn: bool,
    },
}

impl SegmentReader {
    /// Opens a segment.
    pub(crate) fn open(home: &Home, segment: u64, purged: bool) -> Result<Self, LedgerError> {
        let name = file(segment, purged);
        let file = home.file(&name)?;
        let total = file.metadata().map_err(home.io(&name))?.len();
        let mut input = BufReader::with_capacity(1 << 20, file);
        let (head, length) = SegmentHead::read(&mut input)
            .map_err(home.io(&name))?
            .map_err(|message| LedgerError::altered(home.of(&name), message))?;
        if head.segment != segment {
            return Err(LedgerError::altered(home.of(&name), format!("it is segment {}", head.segment)));
        }
        Ok(Self { head, purged, name: home.of(&name), input, length, total })
    }

    /// Where the next frame begins, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{} byte {}", self.name, self.length)
    }

    /// The next frame; its records only where they are wanted.
    pub(crate) fn next(&mut self, wanted: impl FnOnce(&Head) -> bool) -> Result<Next, LedgerError> {
        let io = LedgerError::io(self.place());
        let left = self.total.saturating_sub(self.length);
        let head = match Head::read(&mut self.input) {
            Ok(None) => return Ok(Next::End),
            Ok(Some(head)) => head,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Next::Broken { what: error.to_string(), torn: self.only_zeros_or_cut(left)? });
            }
            Err(error) => return Err(io(error)),
        };
        let (begin, stored) = ((HEAD_BYTES + 4) as u64, u64::from(head.stored));
        if self.purged {
            self.length += begin;
            return Ok(Next::Frame(head, None));
        }
        if begin + stored > left {
            return Ok(Next::Broken { what: "the file ends inside of a frame".into(), torn: true });
        }
        let records = if wanted(&head) {
            let mut bytes = vec![0; head.stored as usize];
            self.input.read_exact(&mut bytes).map_err(io)?;
            match frame::decode(&head, &bytes) {
                Ok(records) => Some(records),
                Err(what) => {
                    // A power failure may leave the last frame at its full length with blocks that were never written.
                    let unwritten =
                        bytes.chunks(512).any(|block| block.len() == 512 && block.iter().all(|byte| *byte == 0));
                    if unwritten && begin + stored == left {
                        return Ok(Next::Broken { what: what.into(), torn: true });
                    }
                    self.length += begin + stored;
                    return Ok(Next::Damaged(head, what));
                }
            }
        } else {
            self.input.seek_relative(head.stored.into()).map_err(io)?;
            None
        };
        self.length += begin + stored;
        Ok(Next::Frame(head, records))
    }

    /// Goes on with the next whole head after something that is no frame; whether there is one.
    pub(crate) fn resume(&mut self) -> Result<bool, LedgerError> {
        let (place, begin) = (self.place(), self.length + 1);
        let mut rest = Vec::new();
        let read = self.input.seek(SeekFrom::Start(begin)).and_then(|_| self.input.read_to_end(&mut rest));
        read.map_err(LedgerError::io(&place))?;
        let whole =
            |window: &[u8]| window.starts_with(frame::MAGIC) && matches!(Head::read(&mut &window[..]), Ok(Some(_)));
        let Some(found) = rest.windows(HEAD_BYTES + 4).position(whole) else { return Ok(false) };
        self.length = begin + found as u64;
        self.input.seek(SeekFrom::Start(self.length)).map_err(LedgerError::io(place))?;
        Ok(true)
    }

    /// Whether a head that does not check may be what a crash left: it is cut off, or was never written.
    fn only_zeros_or_cut(&mut self, left: u64) -> Result<bool, LedgerError> {
        Ok(left < (HEAD_BYTES + 4) as u64 || (left <= MAX_TORN_BYTES && self.tail()?.iter().all(|byte| *byte == 0)))
    }

    /// What follows the last whole frame, as far as an unfinished one may go.
    pub(crate) fn tail(&mut self) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        let place = self.place();
        let read = self.input.seek(SeekFrom::Start(self.length));
        let read = read.and_then(|_| (&mut self.input).take(MAX_TORN_BYTES).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(LedgerError::io(place))
    }
}

/// Whether a list of a segment is still readable: the key of what it was kept for is there.
pub(crate) fn is_readable(home: &Home, segment: u64) -> Result<bool, LedgerError> {
    let mut reader = SegmentReader::open(home, segment, false)?;
    let keys = reader.head.keys(home)?;
    let keys: Vec<_> = keys.decision().collect::<Result<_, _>>()?;
    loop {
        let place = reader.place();
        match reader.next(|_| !keys.is_empty())? {
            Next::Frame(_, records) => {
                for bytes in records.into_iter().flatten() {
                    let record = Record::decode(&bytes).map_err(|what| LedgerError::altered(&place, what))?;
                    let opens = |(_, key): &(u32, &Key)| record.open(Part::About, key).is_ok();
                    if matches!(record.entry.event, Event::Decision(_)) && keys.iter().any(opens) {
                        return Ok(true);
                    }
                }
            }
            Next::End | Next::Broken { torn: true, .. } => return Ok(false),
            Next::Broken { what, .. } => return Err(LedgerError::altered(place, what)),
            Next::Damaged(_, what) => return Err(LedgerError::altered(place, what)),
        }
    }
}

/// Leaves of a segment only what the log is made of: its head and those of its frames. A torn tail goes too.
pub(crate) fn strip(home: &Home, segment: u64) -> Result<(), LedgerError> {
    let mut reader = SegmentReader::open(home, segment, false)?;
    let mut bytes = reader.head.encode();
    loop {
        match reader.next(|_| false)? {
            Next::Frame(head, _) | Next::Damaged(head, _) => {
                bytes.write_all(&head.with_checksum()).map_err(home.io("memory"))?;
            }
            Next::End | Next::Broken { torn: true, .. } => break,
            Next::Broken { what, .. } => return Err(LedgerError::altered(reader.place(), what)),
        }
    }
    home.write(&file(segment, true), &bytes)?;
    home.remove(&file(segment, false))
}
