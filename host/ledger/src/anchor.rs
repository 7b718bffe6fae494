//! Anchors: heads of the log that a witness outside cosigned. Up to the newest of them, nobody who holds every key of the ledger can
//! take anything back. They are asked for as C2SP tlog-witness has it, and kept among the checkpoints.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::contract::Day;
use serde::Serialize;

use crate::claims::WITNESS_SLACK_MS;
use crate::cosign::Cosigner;
use crate::error::LedgerError;
use crate::history::History;
use crate::home::{CHECKPOINTS, Home};
use crate::merkle::{Hash, consistency, leaf};
use crate::note::{Checkpoint, Verifier, is_named, parted};
use crate::segment::{self, Next, SegmentReader};
use crate::settings::Settings;

/// The file that names the witnesses of a ledger, one written key a line.
pub(crate) const WITNESSES: &str = "witnesses";
const COSIGNED: &str = ".cosigned.note";
/// How far the clock of a witness may be ahead of ours, in seconds.
const AHEAD_S: u64 = WITNESS_SLACK_MS.unsigned_abs() / 1_000;
/// Most bytes of what a witness answers; a cosignature takes some hundred.
pub const MAX_ANSWER_BYTES: usize = 16 << 10;

/// A cosigned head of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// Frames of the log.
    pub size: u64,
    /// When it was cosigned, seconds since 1970 UTC, by the witness's clock.
    pub at_s: u64,
    /// Name of the witness.
    pub by: String,
}

impl Anchor {
    /// When it was cosigned, milliseconds since 1970 UTC.
    pub fn at_ms(&self) -> i64 {
        i64::try_from(self.at_s).unwrap_or(i64::MAX).saturating_mul(1_000)
    }
}

/// How far a ledger is anchored outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Anchorage {
    /// The newest cosigned head; none when there is none.
    pub anchor: Option<Anchor>,
    /// Frames of the log now.
    pub frames: u64,
    /// Whether frames came after it, and it is longer ago than [`Settings::anchor_age`].
    pub old: bool,
}

impl Anchorage {
    /// How far a log of so many frames is anchored, at this time in milliseconds since 1970 UTC.
    pub fn of(anchor: Option<Anchor>, frames: u64, now_ms: i64) -> Self {
        let age_s = Settings::default().anchor_age.as_secs();
        let now_s = u64::try_from(now_ms / 1_000).unwrap_or_default();
        let covers = |anchor: &Anchor| anchor.size >= frames || anchor.at_s.saturating_add(age_s) >= now_s;
        Self { old: frames > 0 && !anchor.as_ref().is_some_and(covers), anchor, frames }
    }
}

impl fmt::Display for Anchorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { anchor, frames, old } = self;
        let Some(anchor) = anchor else {
            return write!(f, "no witness cosigned any of {frames} frames");
        };
        let (Anchor { size, at_s, by }, day) = (anchor, Day::containing(anchor.at_ms()));
        write!(f, "{by} cosigned {size} of {frames} frames on {day}, at {at_s} s")?;
        if *old { write!(f, ": that is long ago") } else { Ok(()) }
    }
}

/// What a witness is asked: to cosign a head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The signed note.
    pub note: String,
    /// Frames of the log that it is of.
    pub size: u64,
    /// The body of a request `add-checkpoint`.
    pub body: String,
}

impl History {
    /// How far the ledger is anchored, by the witnesses that its own folder names.
    ///
    /// # Errors
    /// When a file cannot be read or was altered.
    pub fn anchorage(&self, now_ms: i64) -> Result<Anchorage, LedgerError> {
        let newest = newest(&self.home, &witnesses(&self.home)?, &self.verifier()?)?;
        Ok(Anchorage::of(newest.map(|(anchor, _)| anchor), self.frames()?, now_ms))
    }

    /// The newest head that a witness cosigned, as a note; none when it never did.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn last_cosigned(&self, by: &Cosigner) -> Result<Option<(Anchor, String)>, LedgerError> {
        newest(&self.home, std::slice::from_ref(by), &self.verifier()?)
    }

    /// What to ask a witness which cosigned so many frames last.
    ///
    /// # Errors
    /// When no checkpoint was signed yet, the witness cosigned more frames than there are, or a file cannot be read.
    pub fn submission(&self, old: u64) -> Result<Submission, LedgerError> {
        let place = self.home.place();
        let unsigned = || LedgerError::Absent(format!("{place}: its writer has signed no checkpoint yet"));
        let newest = self.checkpoint()?.ok_or_else(unsigned)?;
        let checkpoint = Checkpoint::open(&newest, &self.verifier()?)?;
        let note = own_part(&newest, &checkpoint.origin).ok_or_else(unsigned)?;
        if checkpoint.size == 0 {
            return Err(LedgerError::Absent(format!("{place}: it has no frame yet that a witness could cosign")));
        }
        if old > checkpoint.size {
            return Err(LedgerError::altered(
                place,
                format!(
                    "the witness cosigned {old} frames, and {} are signed here: the end of the ledger is missing, or the witness \
                     was shown another one",
                    checkpoint.size
                ),
            ));
        }
        let mut body = format!("old {old}\n");
        let size = usize::try_from(old).unwrap_or(usize::MAX);
        if old > 0 && old < checkpoint.size {
            let leaves: Vec<Hash> = self.heads(checkpoint.size)?.iter().map(|head| leaf(&head.encode())).collect();
            for node in consistency(size, &leaves) {
                body.push_str(&STANDARD.encode(node));
                body.push('\n');
            }
        }
        body.push('\n');
        body.push_str(&note);
        Ok(Submission { size: checkpoint.size, note, body })
    }

    /// Keeps what a witness answered to a submission: the lines of its cosignatures, of which one has to be right.
    ///
    /// # Errors
    /// When none is, or its time is ahead of the clock; then nothing is kept.
    pub fn keep_anchor(
        &self,
        submission: &Submission,
        answer: &str,
        by: &Cosigner,
        now_ms: i64,
    ) -> Result<Anchor, LedgerError> {
        let wrong = |message: String| LedgerError::altered(format!("answer of {}", by.name()), message);
        let signed = |line: &&str| by.signed(&format!("{}{line}\n", submission.note));
        let line = answer.lines().filter(|line| signed(line).is_some()).max_by_key(signed);
        let line = line.ok_or_else(|| wrong("it has no cosignature of this checkpoint under the pinned key".into()))?;
        let at_s = signed(&line).unwrap_or_default();
        if at_s > u64::try_from(now_ms / 1_000).unwrap_or_default().saturating_add(AHEAD_S) {
            return Err(wrong(format!("it was cosigned at {at_s} s, which is ahead of this machine's clock")));
        }
        let name = format!("{CHECKPOINTS}/{:012}{COSIGNED}", submission.size);
        // Other witnesses may have cosigned the same head.
        let known = self.home.read(&name)?.map(|note| String::from_utf8_lossy(&note).into_owned());
        let others = known.as_deref().and_then(|known| known.strip_prefix(&submission.note)).unwrap_or_default();
        let own = format!("\u{2014} {} ", by.name());
        let others: String =
            others.split_inclusive('\n').filter(|line| !line.starts_with(&own) && line.ends_with('\n')).collect();
        self.pin(by)?;
        self.home.write(&name, format!("{}{others}{line}\n", submission.note).as_bytes())?;
        Ok(Anchor { size: submission.size, at_s, by: by.name().to_owned() })
    }

    /// Keeps a whole cosigned note that came another way; it has to be one of a checkpoint that lies in this ledger.
    ///
    /// # Errors
    /// When it is of another log or of a checkpoint that is not here, or not cosigned under the pinned key.
    pub fn keep_cosigned(&self, note: &str, by: &Cosigner, now_ms: i64) -> Result<Anchor, LedgerError> {
        let checkpoint = Checkpoint::open(note, &self.verifier()?)?;
        let own = self.home.read(&format!("{CHECKPOINTS}/{:012}.note", checkpoint.size))?;
        let own = own.map(|own| String::from_utf8_lossy(&own).into_owned());
        let Some(own) = own.filter(|own| parted(own).map(|(text, _)| text) == parted(note).map(|(text, _)| text))
        else {
            return Err(LedgerError::altered(
                "cosigned note",
                format!("it is of {} frames that were never signed here: the log has two histories", checkpoint.size),
            ));
        };
        let lines = note.split_once("\n\n").map_or("", |(_, lines)| lines);
        let submission = Submission { note: own, size: checkpoint.size, body: String::new() };
        self.keep_anchor(&submission, lines, by, now_ms)
    }

    /// Notes that a witness is one of this ledger.
    fn pin(&self, by: &Cosigner) -> Result<(), LedgerError> {
        let mut known = witnesses(&self.home)?;
        if known.contains(by) {
            return Ok(());
        }
        known.push(by.clone());
        let text: String = known.iter().map(|cosigner| cosigner.text() + "\n").collect();
        self.home.write(WITNESSES, text.as_bytes())
    }

    /// Frames of the log.
    fn frames(&self) -> Result<u64, LedgerError> {
        let Some((number, purged)) = segment::begun(&self.home)?.pop() else { return Ok(0) };
        let mut reader = SegmentReader::open(&self.home, number, purged)?;
        let mut frames = reader.head.frames;
        while let Next::Frame(..) | Next::Damaged(..) = reader.next(|_| false)? {
            frames += 1;
        }
        Ok(frames)
    }
}

/// The witnesses that a ledger's folder names.
pub(crate) fn witnesses(home: &Home) -> Result<Vec<Cosigner>, LedgerError> {
    let text = home.read(WITNESSES)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().map(Cosigner::parse).collect::<Result<_, _>>().map_err(|_| {
        LedgerError::altered(home.of(WITNESSES), "it is not a list of cosigners' keys, <name>+<hash>+<key>, one a line")
    })
}

/// The newest head that one of these witnesses cosigned, and its note.
pub(crate) fn newest(
    home: &Home,
    witnesses: &[Cosigner],
    verifier: &Verifier,
) -> Result<Option<(Anchor, String)>, LedgerError> {
    if witnesses.is_empty() {
        return Ok(None);
    }
    for name in home.names(CHECKPOINTS)?.iter().rev().filter(|name| name.ends_with(COSIGNED)) {
        let note = home.read(&format!("{CHECKPOINTS}/{name}"))?.unwrap_or_default();
        let note = String::from_utf8_lossy(&note).into_owned();
        let Ok(Checkpoint { size, .. }) = Checkpoint::open(&note, verifier) else { continue };
        if let Some((at_s, by)) = signed(&note, witnesses).filter(|_| size > 0 && is_named(name, size)) {
            return Ok(Some((Anchor { size, at_s, by }, note)));
        }
    }
    Ok(None)
}

/// When one of these witnesses cosigned a note, and which; the latest of several.
pub(crate) fn signed(note: &str, witnesses: &[Cosigner]) -> Option<(u64, String)> {
    witnesses.iter().filter_map(|by| Some((by.signed(note)?, by.name().to_owned()))).max()
}

/// A note with the signature of the log itself and no other.
fn own_part(note: &str, origin: &str) -> Option<String> {
    let (text, signatures) = note.split_once("\n\n")?;
    let own = signatures.lines().find(|line| line.starts_with(&format!("\u{2014} {origin} ")))?;
    Some(format!("{text}\n\n{own}\n"))
}
