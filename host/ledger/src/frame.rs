//! A frame: the records of one commit, compressed, under a head that says what they are. Its head is a leaf of the log.

use std::io::{self, Read};

use crate::bytes::{fill, take};
use crate::keys::{LEVEL, MAX_TEXT_BYTES};
use crate::merkle::{Edge, Hash};
use crate::record::{Entry, Event, leaf_of_record};

/// What a head begins with.
pub(crate) const MAGIC: &[u8; 4] = b"NGF1";
/// Bytes of a head, without its checksum.
pub(crate) const HEAD_BYTES: usize = 88;
/// Most bytes that the records of one frame may take on the disk; also what a reader allocates at most.
pub(crate) const MAX_STORED_BYTES: usize = 512 << 20;

/// More frames and records than any log has; counting on from it never overflows.
pub(crate) const MOST: u64 = 1 << 62;

/// The head of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its place in the log, from 0.
    pub(crate) frame: u64,
    /// The first of its records, from 0.
    pub(crate) first_record: u64,
    /// How many records it has.
    pub(crate) records: u32,
    /// How many of them describe a policy set: whoever reads what follows needs these too.
    pub(crate) sets: u32,
    /// The earliest time of its records, milliseconds since 1970 UTC.
    pub(crate) from_ms: i64,
    /// The latest time of its records.
    pub(crate) to_ms: i64,
    /// Root of the Merkle tree over its records.
    pub(crate) root: Hash,
    /// Bytes on the disk after the head.
    pub(crate) stored: u32,
    /// CRC-32C of these.
    pub(crate) checksum: u32,
    /// Bytes of the records before compression.
    pub(crate) plain: u32,
}

impl Head {
    /// The head as it stands in a segment and in the log, without its checksum.
    pub(crate) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(MAGIC);
        put(&self.frame.to_le_bytes());
        put(&self.first_record.to_le_bytes());
        put(&self.records.to_le_bytes());
        put(&self.sets.to_le_bytes());
        put(&self.from_ms.to_le_bytes());
        put(&self.to_ms.to_le_bytes());
        put(&self.root);
        put(&self.stored.to_le_bytes());
        put(&self.checksum.to_le_bytes());
        put(&self.plain.to_le_bytes());
        out
    }

    /// Reads a head back; none when these bytes are none.
    pub(crate) fn decode(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let head = Self {
            frame: u64::from_le_bytes(take(&mut rest)?),
            first_record: u64::from_le_bytes(take(&mut rest)?),
            records: u32::from_le_bytes(take(&mut rest)?),
            sets: u32::from_le_bytes(take(&mut rest)?),
            from_ms: i64::from_le_bytes(take(&mut rest)?),
            to_ms: i64::from_le_bytes(take(&mut rest)?),
            root: take(&mut rest)?,
            stored: u32::from_le_bytes(take(&mut rest)?),
            checksum: u32::from_le_bytes(take(&mut rest)?),
            plain: u32::from_le_bytes(take(&mut rest)?),
        };
        let counted = head.frame <= MOST && head.first_record <= MOST;
        (counted && head.stored as usize <= MAX_STORED_BYTES && head.plain as usize <= MAX_TEXT_BYTES).then_some(head)
    }

    /// The head with its checksum.
    pub(crate) fn with_checksum(&self) -> Vec<u8> {
        let mut out = self.encode().to_vec();
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads the next head with its checksum; none at the end. An end in the middle, or a wrong checksum, is an error of kind
    /// `InvalidData`.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEAD_BYTES + 4];
        let got = fill(input, &mut bytes)?;
        if got == 0 {
            return Ok(None);
        }
        let (head, checksum) = bytes.split_at(HEAD_BYTES);
        let whole = got == bytes.len() && crc32c::crc32c(head).to_le_bytes() == checksum;
        let head = head.try_into().ok().filter(|_| whole).and_then(Self::decode);
        head.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the head of a frame does not check"))
    }
}

/// Makes a frame of encoded records: its head, and all its bytes. `times` are the earliest and the latest of them,
/// `sets` is how many describe a policy set.
pub(crate) fn encode(
    frame: u64,
    first_record: u64,
    times: (i64, i64),
    sets: u32,
    records: &[Vec<u8>],
) -> io::Result<(Head, Vec<u8>)> {
    let mut plain = Vec::with_capacity(records.iter().map(|record| record.len() + 4).sum());
    for record in records {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        plain.extend_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(record);
    }
    let stored = zstd::bulk::compress(&plain, LEVEL)?;
    let head = Head {
        frame,
        first_record,
        records: records.len() as u32,
        sets,
        from_ms: times.0,
        to_ms: times.1,
        root: root_over(records),
        stored: u32::try_from(stored.len()).map_err(io::Error::other)?,
        checksum: crc32c::crc32c(&stored),
        plain: u32::try_from(plain.len()).map_err(io::Error::other)?,
    };
    let mut bytes = head.with_checksum();
    bytes.extend_from_slice(&stored);
    Ok((head, bytes))
}

/// The root of the tree over encoded records.
fn root_over(records: &[Vec<u8>]) -> Hash {
    let mut edge = Edge::default();
    records.iter().for_each(|record| edge.push(leaf_of_record(record)));
    edge.root()
}

/// The encoded records of a frame, held against its head; a clause on what is wrong otherwise.
pub(crate) fn decode(head: &Head, stored: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    if crc32c::crc32c(stored) != head.checksum {
        return Err("its checksum does not agree with its bytes");
    }
    let plain =
        zstd::bulk::decompress(stored, head.plain as usize).map_err(|_| "its records cannot be decompressed")?;
    let mut rest = plain.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = take(&mut rest).map(u32::from_le_bytes).ok_or("a record is cut off")?;
        let (record, after) = rest.split_at_checked(length as usize).ok_or("a record is cut off")?;
        records.push(record.to_vec());
        rest = after;
    }
    if records.len() != head.records as usize || root_over(&records) != head.root {
        return Err("its records are not those that its root was made of");
    }
    Ok(records)
}

/// Where a head says something else of its records than they do of themselves, a clause each. Its root and its checksums are for
/// [`decode`].
pub(crate) fn disagreements(head: &Head, entries: &[Entry]) -> Vec<String> {
    let times = || entries.iter().map(|entry| entry.ms);
    let (from_ms, to_ms) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let sets = entries.iter().filter(|entry| matches!(entry.event, Event::Set(_))).count();
    let mut found = Vec::new();
    if (head.from_ms, head.to_ms) != (from_ms, to_ms) {
        found.push(format!(
            "its head says that its records are of {} to {} ms, and they are of {from_ms} to {to_ms} ms",
            head.from_ms, head.to_ms
        ));
    }
    if head.sets as usize != sets {
        found.push(format!("its head says that {} of its records describe a policy set, and {sets} do", head.sets));
    }
    found
}
