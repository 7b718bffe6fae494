//! Checking a whole ledger: every byte of every file is held against something else that says what it should be.

use std::collections::{BTreeMap, BTreeSet};

use normgate::Module;
use normgate::contract::Day;

use crate::access;
use crate::anchor::{self, Anchor, WITNESSES};
use crate::claims::{self, Claims};
use crate::cosign::Cosigner;
use crate::error::LedgerError;
use crate::frame::Head;
use crate::history::{self, History};
use crate::holds::{self, Held, Opened, Place};
use crate::home::{CHECKPOINTS, HOLDS, KEYS, PUBLIC, SEGMENTS};
use crate::keys::{self, Class, Key, RETENTION_DAYS, Signer, Slot, sha256};
use crate::merkle::{Edge, Hash, leaf};
use crate::note::{Checkpoint, Verifier, is_named};
use crate::record::{AccessHead, Entry, Event, Gap, Level, Purge, Record};
use crate::recorded::Recorded;
use crate::segment::{self, Next, SegmentHead, SegmentReader};

/// What a ledger is held against besides itself.
#[derive(Clone, Copy, Default)]
pub struct Against<'a> {
    /// A checkpoint that was kept elsewhere.
    pub known: Option<&'a str>,
    /// The ledger's public key, from whom it is trusted; its own file where none is given.
    pub key: Option<&'a Verifier>,
    /// A witness whose cosignatures count; those that the ledger's own folder names where none is given.
    pub cosigner: Option<&'a Cosigner>,
    /// Modules that are at hand: whether a list had to be kept in full is told by the rules of those that judged it.
    pub modules: &'a [Module],
}

/// What checking a ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What is not as it was written, one sentence each. Empty = nothing was altered.
    pub findings: Vec<String>,
    /// What is as it was written, and worth knowing: gaps, torn frames of a crash, a clock that went back, keys that are gone.
    pub notes: Vec<String>,
    /// Frames of the log.
    pub frames: u64,
    /// Records, purged ones included.
    pub records: u64,
    /// Lists by level; those of purged segments are not counted.
    pub full: u64,
    /// Lists by level.
    pub commit: u64,
    /// Checkpoints that agree with the frames.
    pub checkpoints: u64,
    /// The newest cosigned head that agrees with the frames; none where nobody whose cosignatures count has cosigned any, which is
    /// no finding: nothing was altered, and nothing bears the end out.
    pub anchor: Option<Anchor>,
    /// Calls that were recorded as disturbed, by module and kind: how they ended is the platform's word.
    pub disturbed: BTreeMap<String, BTreeMap<String, u64>>,
}

/// How far a purge's time may be ahead of what else is known of the time: a day. Engineering default.
pub(crate) const CLOCK_TOLERANCE_MS: i64 = 86_400_000;

/// Who decides whether a crash did it.
const DECIDES: &str = "a crash tore it, or it was altered; opening the ledger for writing decides and records which";

/// What the walk through the segments collects.
#[derive(Default)]
struct Walk<'a> {
    out: Verification,
    log: Edge,
    /// Roots that a checkpoint claims, by size, with the file.
    claimed: BTreeMap<u64, Vec<(String, Hash)>>,
    /// What was said of the log of look-ups, in order.
    access: Vec<AccessHead>,
    purges: Vec<Purged>,
    /// Segments of which only heads are left, with the last day that their records are known to be of.
    stripped: Vec<(u64, Day)>,
    /// The latest time of a record so far, but for those of purges and of what begins a segment.
    newest_ms: Option<i64>,
    /// Days whose personal columns were erased before their time.
    erased: BTreeSet<Day>,
    /// What the record says is held, with the hash of its file; and the cases that are over.
    held: BTreeMap<Place, String>,
    released: BTreeSet<String>,
    /// Heads of frames that held records say they are of, by frame.
    frames: BTreeMap<u64, Vec<(Place, Head)>>,
    /// What is held as it was opened, with its file, by record.
    copies: BTreeMap<u64, Vec<(String, Recorded)>>,
    /// Keys that some segment was sealed with.
    sealed: BTreeSet<(Slot, String)>,
    claims: Claims,
    modules: &'a [Module],
    /// Whether cosignatures are under a key that was given: whoever writes to the folder chooses those that it names.
    trusted: bool,
    /// The frame and the record that come next; none where damage leaves nobody knowing.
    next: Option<(u64, u64)>,
    /// Whether the log so far is known: from damage on it is not, until the next segment says what is before it.
    adrift: bool,
    /// Whether damage took frames with it.
    lost: bool,
    /// Checkpoints that are of other frames than those that are here, the first with its sentence.
    rewritten: Vec<String>,
    /// Cosigned heads in the ledger's folder or given, whether or not they agree.
    anchors: Vec<Anchor>,
    /// The first lines of notes in the ledger's folder, which say what they were signed over.
    notes: BTreeSet<String>,
}

/// A purge on the record.
struct Purged {
    record: u64,
    /// The frame that it stands in.
    frame: u64,
    ms: i64,
    until: Day,
    what: Purge,
    by: String,
    /// The latest time of what was recorded before it.
    before_ms: Option<i64>,
    /// The earliest time of what was recorded after it, up to the next purge.
    after_ms: Option<i64>,
}

impl History {
    /// Holds every file against the others: frames against their checksums and roots, records against keys, the log against
    /// every checkpoint and against what is given besides, which may have been kept elsewhere; and what records claim against what
    /// the keys that are there open.
    ///
    /// # Errors
    /// When a file cannot be read at all. What is altered is a finding.
    pub fn verify(&self, against: &Against<'_>) -> Result<Verification, LedgerError> {
        let trusted = against.cosigner.is_some();
        let mut walk = Walk { modules: against.modules, trusted, next: Some((0, 0)), ..Walk::default() };
        let verifier = self.check_keys(against.key, &mut walk)?;
        let cosigners = self.check_witnesses(against.cosigner, &mut walk);
        if let Some(verifier) = &verifier {
            self.read_checkpoints(against.known, verifier, &cosigners, &mut walk)?;
        }
        walk.claims.cosigners = cosigners;
        walk.claims.witnessed(&walk.anchors);
        self.read_holds(&mut walk)?;
        self.walk(&segment::list(&self.home)?, &mut walk)?;
        walk.out.findings.extend(walk.claims.untimely());
        self.check_access(&mut walk);
        self.check_holds(&mut walk)?;
        self.check_epochs(&mut walk)?;
        walk.check_purges();
        walk.out.anchor = walk.anchors.iter().max_by_key(|anchor| (anchor.size, anchor.at_s)).cloned();
        walk.check_end();
        walk.out.frames = walk.log.size;
        walk.out.disturbed = std::mem::take(&mut walk.claims.disturbed);
        walk.say_sample();
        Ok(walk.out)
    }

    /// The signing key, its public half, and names that are none of the ledger's.
    fn check_keys(&self, key: Option<&Verifier>, walk: &mut Walk<'_>) -> Result<Option<Verifier>, LedgerError> {
        let out = &mut walk.out;
        let own = match Signer::read(&self.home) {
            Ok(Some(signer)) => Some(Verifier::of(&signer)),
            Ok(None) => {
                out.notes.push(format!("{}: the signing key is not here; nothing can be added", self.home.of(KEYS)));
                None
            }
            Err(error) => {
                out.findings.push(error.to_string());
                None
            }
        };
        let public = out.seen(self.home.read(PUBLIC)).flatten();
        let said = public.and_then(|text| {
            Verifier::parse(&String::from_utf8_lossy(&text))
                .ok()
                .filter(|v| format!("{}\n", v.text()).as_bytes() == text)
        });
        if said.is_none() {
            out.findings.push(format!("{}: it is not the public key of a ledger", self.home.of(PUBLIC)));
        }
        if let (Some(own), Some(said)) = (&own, &said)
            && own != said
        {
            out.findings.push(format!("{}: it does not belong to keys/signing.key", self.home.of(PUBLIC)));
        }
        let trusted = key.cloned().or(said).or(own);
        for name in self.home.names(".")? {
            let known = [PUBLIC, WITNESSES, "lock", SEGMENTS, KEYS, CHECKPOINTS, HOLDS].contains(&name.as_str());
            if !known && !access::is_part(&name) && !name.ends_with(".part") {
                out.findings.push(format!("{}: it is none of the ledger's files", self.home.of(&name)));
            }
        }
        let strange = |folder: &'static str, known: fn(&str) -> bool| {
            let names =
                self.home.names(folder)?.into_iter().filter(move |name| !name.ends_with(".part") && !known(name));
            Ok::<_, LedgerError>(names.map(move |name| format!("{folder}/{name}")))
        };
        let segments = strange(SEGMENTS, |name| segment::of_file(name).is_some())?;
        for name in segments.chain(strange(HOLDS, |name| holds::of_file(name).is_some())?) {
            out.findings
                .push(format!("{}: it is none of the ledger's files; all others are read", self.home.of(&name)));
        }
        if out.seen(self.home.read("lock")).flatten().is_some_and(|bytes| !bytes.is_empty()) {
            out.findings.push(format!("{}: it is not empty", self.home.of("lock")));
        }
        Ok(trusted)
    }

    /// The witnesses whose cosignatures count.
    fn check_witnesses(&self, given: Option<&Cosigner>, walk: &mut Walk<'_>) -> Vec<Cosigner> {
        let named = walk.out.seen(anchor::witnesses(&self.home)).unwrap_or_default();
        given.map_or(named, |given| vec![given.clone()])
    }

    fn read_checkpoints(
        &self,
        known: Option<&str>,
        verifier: &Verifier,
        cosigners: &[Cosigner],
        walk: &mut Walk<'_>,
    ) -> Result<(), LedgerError> {
        let mut notes = Vec::new();
        for name in self.home.names(CHECKPOINTS)?.into_iter().filter(|name| !name.ends_with(".part")) {
            let name = format!("{CHECKPOINTS}/{name}");
            if let Some(note) = walk.out.seen(self.home.read(&name)) {
                notes.push((self.home.of(&name), note.unwrap_or_default()));
            }
        }
        notes.extend(known.map(|note| ("the checkpoint that was given".to_owned(), note.as_bytes().to_vec())));
        for (place, note) in notes {
            let opened = std::str::from_utf8(&note).ok().map(|note| Checkpoint::open(note, verifier));
            match opened {
                Some(Ok(checkpoint)) if checkpoint.origin != verifier.name() => {
                    walk.out.findings.push(format!("{place}: it is of another log, {}", checkpoint.origin));
                }
                Some(Ok(Checkpoint { size, root, .. })) => {
                    let name = place.strip_prefix(&self.home.of(&format!("{CHECKPOINTS}/")));
                    if name.is_some_and(|name| !is_named(name, size)) {
                        walk.out
                            .findings
                            .push(format!("{place}: it was signed over {size} frames, and its name says otherwise"));
                    }
                    let note = String::from_utf8_lossy(&note);
                    let signed = anchor::signed(&note, cosigners);
                    walk.anchors.extend(signed.map(|(at_s, by)| Anchor { size, at_s, by }));
                    walk.notes.extend(note.split_once("\n\n").map(|(text, _)| text.to_owned()));
                    walk.claimed.entry(size).or_default().push((place, root));
                }
                Some(Err(error)) => walk.out.findings.push(format!("{place}: {error}")),
                None => walk.out.findings.push(format!("{place}: it is not UTF-8")),
            }
        }
        Ok(())
    }

    fn walk(&self, segments: &[(u64, bool)], walk: &mut Walk<'_>) -> Result<(), LedgerError> {
        // What the segment before was found to be, once its successor can be asked: its length and what follows it.
        let mut before: Option<(u64, Vec<u8>, String)> = None;
        let mut expected = 0;
        walk.check_root();
        for (number, purged) in segments {
            if *number != expected {
                walk.out.findings.push(format!("{}: segments before {number} are missing", self.home.of(SEGMENTS)));
                (walk.next, walk.adrift) = (None, true);
            }
            expected = *number + 1;
            if !*purged && self.home.exists(&segment::file(*number, true)) {
                walk.out.notes.push(format!("segment {number}: a purge was interrupted; purge again to finish it"));
            }
            if expected == segments.len() as u64 && segment::is_unbegun(&self.home, *number, *purged).is_ok_and(|is| is)
            {
                walk.out.findings.push(format!(
                    "{}: it ends before it begins: {DECIDES}",
                    self.home.of(&segment::file(*number, *purged))
                ));
                continue;
            }
            let Some(mut reader) = walk.out.seen(SegmentReader::open(&self.home, *number, *purged)) else {
                (before, walk.next, walk.adrift) = (None, None, true);
                continue;
            };
            let head = reader.head.clone();
            walk.check_head(&head, *purged, before.take());
            let tail = self.walk_segment(&mut reader, walk)?;
            before = (!purged).then(|| (reader.length, tail, reader.place()));
        }
        // Nobody has said yet what a crash left at the very end.
        if let Some((_, tail, place)) = before.filter(|(_, tail, _)| !tail.is_empty()) {
            walk.out.findings.push(format!("{place}: {} bytes at the end are no whole frame: {DECIDES}", tail.len()));
        }
        Ok(())
    }

    /// Walks through one segment; gives what follows its last whole frame.
    fn walk_segment(&self, reader: &mut SegmentReader, walk: &mut Walk<'_>) -> Result<Vec<u8>, LedgerError> {
        let segment = reader.head.clone();
        // A key that cannot be read is found when all of them are checked.
        let keys = segment.keys(&self.home).unwrap_or_default();
        let mut first = true;
        // Nothing names the head of a stripped segment any more: the times of its frames, which are in the log, bound its day.
        let (mut last_day, mut bounded) = (segment.epoch, false);
        walk.claims.begin_segment();
        loop {
            let place = reader.place();
            match reader.next(|_| true)? {
                Next::Frame(head, records) => {
                    walk.follow(&head, &place);
                    for (place, said) in walk.frames.remove(&head.frame).into_iter().flatten() {
                        if said != head {
                            let place = self.home.of(&holds::file(&place));
                            walk.out.findings.push(format!("{place}: its frame is not the one in the log"));
                        }
                    }
                    match records {
                        Some(records) => walk.check_frame(&head, &records, &segment, &keys, first),
                        // What begins a segment is of the time when it was begun, and bears nothing out.
                        None if first => {}
                        None => {
                            walk.newest_ms = walk.newest_ms.max(Some(head.to_ms));
                            if !std::mem::replace(&mut bounded, true) {
                                last_day = last_day.max(Day::containing(head.from_ms));
                            }
                        }
                    }
                    first = false;
                    walk.check_root();
                }
                Next::Damaged(head, what) => {
                    walk.out.findings.push(format!("{place}: {what}: its {} records cannot be read", head.records));
                    walk.follow(&head, &place);
                    walk.frames.remove(&head.frame);
                    walk.claims.damaged();
                    first = false;
                    walk.check_root();
                }
                Next::End => {
                    walk.stripped.extend(reader.purged.then_some((segment.segment, last_day)));
                    return Ok(Vec::new());
                }
                Next::Broken { what, torn } => {
                    let tail = reader.tail()?;
                    if torn || !walk.goes_on(reader, &place, &what)? {
                        walk.stripped.extend(reader.purged.then_some((segment.segment, last_day)));
                        return Ok(tail);
                    }
                    first = false;
                }
            }
        }
    }

    fn check_access(&self, walk: &mut Walk<'_>) {
        let Some(checked) = walk.out.seen(access::check(&self.home)) else { return };
        let access::Checked { heads, findings, notes } = checked;
        walk.out.findings.extend(findings);
        walk.out.notes.extend(notes);
        for AccessHead { lines, head } in walk.access.iter().filter(|said| said.lines > 0) {
            if heads.get(lines) != Some(head) {
                let place = self.home.of(access::FILE);
                walk.out.findings.push(format!("{place}: line {lines} is not the one that the ledger recorded"));
            }
        }
    }

    /// Takes note of the frames that held records say they are of.
    fn read_holds(&self, walk: &mut Walk<'_>) -> Result<(), LedgerError> {
        for place in holds::list(&self.home)? {
            let Some(key) = walk.out.seen(holds::key(&self.home, &place.0)) else { continue };
            let file = self.home.of(&holds::file(&place));
            let read = Held::read(&self.home, &place).ok().and_then(|(held, _)| {
                let opened = key.map(|key| held.open(&key));
                // A case whose key is gone is over.
                held.proof().filter(|_| !matches!(opened, Some(None))).map(|(head, ..)| (head, opened.flatten()))
            });
            let Some((head, opened)) = read else {
                walk.out.findings.push(format!("{file}: it is not what was held, or its case's key is another"));
                continue;
            };
            if let Some(Opened { recorded, .. }) = opened {
                let found = claims::counted_otherwise(&recorded).into_iter();
                walk.out.findings.extend(found.map(|what| format!("{file}: {what}")));
                walk.copies.entry(recorded.record).or_default().push((file, recorded));
            }
            walk.frames.entry(head.frame).or_default().push((place, head));
        }
        Ok(())
    }

    /// What is held is what the record says is held.
    fn check_holds(&self, walk: &mut Walk<'_>) -> Result<(), LedgerError> {
        for place in holds::list(&self.home).unwrap_or_default() {
            let file = self.home.of(&holds::file(&place));
            let hash = walk.out.seen(self.home.read(&holds::file(&place))).flatten().map(|bytes| sha256(&bytes));
            match walk.held.remove(&place) {
                Some(said) if Some(&said) == hash.as_ref() => {}
                Some(_) => walk.out.findings.push(format!("{file}: it is not what was held")),
                None if walk.released.contains(&place.0) => {
                    walk.out.notes.push(format!("{file}: ending the case was interrupted; remove what is held for it"));
                }
                None => walk.out.findings.push(format!("{file}: nothing on the record says that it is held")),
            }
        }
        for place in std::mem::take(&mut walk.held).into_keys() {
            walk.out.findings.push(format!("{}: it is missing", self.home.of(&holds::file(&place))));
        }
        let frames = std::mem::take(&mut walk.frames);
        // What damage took with it is no other finding.
        for frame in frames.into_values().flatten().filter(|_| !walk.lost) {
            let place = self.home.of(&holds::file(&frame.0));
            walk.out.findings.push(format!("{place}: the log has no such frame"));
        }
        Ok(())
    }

    /// Every key that sealed something is there, unless a purge destroyed it.
    fn check_epochs(&self, walk: &mut Walk<'_>) -> Result<(), LedgerError> {
        let mut names: BTreeSet<String> = self.home.names(KEYS)?.into_iter().collect();
        for name in names.iter().filter(|name| self.home.wrapping.is_some() && !name.ends_with(".part")) {
            let name = format!("{KEYS}/{name}");
            if walk.out.seen(keys::is_plain(&self.home, &name)) == Some(true) {
                walk.out.notes.push(format!("{}: the key is not wrapped", self.home.of(&name)));
            }
        }
        names.remove("signing.key");
        for (case, _) in holds::list(&self.home).unwrap_or_default() {
            let file = holds::key_file(&case);
            if !names.remove(file.trim_start_matches(&format!("{KEYS}/"))) && !self.home.exists(&file) {
                walk.out.findings.push(format!("{}: the key of the case is lost; put it back", self.home.of(&file)));
            }
        }
        for (slot, id) in &walk.sealed {
            let (name, Slot { epoch, class, .. }) = (slot.file(), *slot);
            names.remove(name.trim_start_matches(&format!("{KEYS}/")));
            let erased = class == Class::Personal && walk.erased.contains(&epoch);
            let purged = erased
                || (walk.purges.iter())
                    .any(|purge| slot.ends_by(purge.until) && (purge.what == Purge::All || class == Class::Personal));
            let keys = match keys::EpochKeys::read(&self.home, epoch) {
                Ok(keys) => keys,
                Err(error) => {
                    walk.out.findings.push(error.to_string());
                    continue;
                }
            };
            let place = self.home.of(&name);
            let key = match keys.of(class, slot.keep_d) {
                Ok(key) => key,
                Err(error) => {
                    walk.out.findings.push(error.to_string());
                    continue;
                }
            };
            match key.map(|key: &Key| key.id == *id) {
                Some(true) if purged => {
                    walk.out.notes.push(format!("{place}: a purge was interrupted; purge again to finish it"));
                }
                Some(true) => {}
                Some(false) if purged => {}
                None if purged => {
                    let ended = if erased { "erased before its time" } else { "purged" };
                    walk.out.notes.push(format!("{epoch} ({}): {ended}; provable, and not readable", slot.name()));
                }
                Some(false) => walk.out.findings.push(format!(
                    "{place}: it is not the key that sealed records of that day: these cannot be read with it"
                )),
                None => walk.out.findings.push(format!(
                    "{place}: the key is lost: the records that it sealed can be proven, and not read; put it back"
                )),
            }
        }
        for name in &names {
            if name.ends_with(".key.part") {
                let place = self.home.of(&format!("{KEYS}/{name}"));
                walk.out.notes.push(format!("{place}: a key was being made or destroyed; purge again to finish it"));
                continue;
            }
            walk.out.notes.push(format!("{}: nothing was sealed with it", self.home.of(&format!("{KEYS}/{name}"))));
        }
        Ok(())
    }
}

impl Verification {
    /// What was read; what cannot be read is a finding.
    fn seen<T>(&mut self, read: Result<T, LedgerError>) -> Option<T> {
        read.map_err(|error| self.findings.push(error.to_string())).ok()
    }
}

impl Walk<'_> {
    /// Takes a frame into the log.
    fn follow(&mut self, head: &Head, place: &str) {
        let (frame, record) = (head.frame, head.first_record);
        if self.next.is_some_and(|next| next != (frame, record)) {
            self.out.findings.push(format!("{place}: frames are missing before frame {frame}"));
            (self.adrift, self.lost) = (true, true);
        }
        self.next = Some((frame + 1, record + u64::from(head.records)));
        self.log.push(leaf(&head.encode()));
        self.out.records += u64::from(head.records);
    }

    /// Says what is no frame, and looks for the next one that is; whether there is one.
    fn goes_on(&mut self, reader: &mut SegmentReader, place: &str, what: &str) -> Result<bool, LedgerError> {
        let goes_on = reader.resume()?;
        let rest = if goes_on { format!("up to {}", reader.place()) } else { "the rest of the segment".into() };
        self.out.findings.push(format!("{place}: {what}: {rest} cannot be read"));
        (self.next, self.adrift, self.lost) = (None, true, true);
        self.claims.damaged();
        Ok(goes_on)
    }

    /// Holds the log so far against the checkpoints of this size.
    fn check_root(&mut self) {
        if self.adrift {
            return;
        }
        let root = self.log.root();
        for (place, claimed) in self.claimed.remove(&self.log.size).into_iter().flatten() {
            if claimed == root {
                self.out.checkpoints += 1;
            } else {
                self.rewritten.push(format!(
                    "{place}: the first {} frames are not those that it was signed over: history was rewritten",
                    self.log.size
                ));
            }
        }
    }

    /// Checkpoints that do not agree with the log, or that nothing here can be held against.
    fn check_end(&mut self) {
        let also = |others: usize, what: &str| match others {
            0 => String::new(),
            others => format!(" (and {others} more {what})"),
        };
        if let Some(first) = self.rewritten.first() {
            self.out.findings.push(format!("{first}{}", also(self.rewritten.len() - 1, "checkpoints")));
        }
        let frames = self.log.size;
        let beyond = self.claimed.split_off(&(frames + 1));
        let places: Vec<_> =
            beyond.iter().rev().flat_map(|(size, claims)| claims.iter().map(move |(place, _)| (size, place))).collect();
        if let Some((size, place)) = places.first() {
            let others = also(places.len() - 1, "checkpoints");
            self.out.findings.push(format!(
                "{place}: it was signed over {size} frames, and {frames} are there: the end of the ledger is missing{others}"
            ));
        }
        match self.claimed.values().flatten().count() {
            0 => {}
            unheld => self
                .out
                .notes
                .push(format!("{unheld} checkpoints are of frames that cannot be read, and were held against nothing")),
        }
    }

    fn check_head(&mut self, head: &SegmentHead, purged: bool, before: Option<(u64, Vec<u8>, String)>) {
        let number = head.segment;
        let log = head.log();
        if !self.adrift && (log.as_ref() != Some(&self.log) || head.records != self.out.records) {
            self.out.findings.push(format!("segment {number}: it does not follow from the segments before it"));
        }
        // After damage the log goes on from what the segment says; its roots are held against checkpoints again.
        if let Some(log) = log {
            (self.log, self.adrift) = (log, false);
            (self.out.records, self.next) = (head.records, Some((head.frames, head.records)));
        }
        if let Some(slot) = Slot::needed(head.epoch).find(|slot| !head.keys.contains_key(&slot.name())) {
            self.out
                .findings
                .push(format!("segment {number}: it names no {} key, which every segment has", slot.name()));
        }
        if !purged {
            self.sealed.extend(head.slots().map(|(slot, id)| (slot, id.clone())));
        }
        let Some((length, tail, place)) = before else { return };
        match &head.before {
            Some(said)
                if said.length == length && said.torn == tail.len() as u64 && said.torn_sha256 == sha256(&tail) =>
            {
                if said.torn > 0 {
                    self.out.notes.push(format!("{place}: a crash left {} bytes of an unfinished frame", said.torn));
                }
            }
            // A segment that this writer went on from has nothing said about it, and nothing after its end.
            None if tail.is_empty() => {}
            _ => self.out.findings.push(format!("{place}: its end is not as segment {number} found it")),
        }
    }

    /// Holds the records of a frame against its head, against each other and against what their keys open.
    fn check_frame(
        &mut self,
        head: &Head,
        frame: &[Vec<u8>],
        segment: &SegmentHead,
        keys: &keys::EpochKeys,
        mut first: bool,
    ) {
        let mut records = Vec::with_capacity(frame.len());
        for (number, bytes) in (head.first_record..).zip(frame) {
            match Record::decode(bytes) {
                Ok(record) => records.push(record),
                Err(what) => return self.out.findings.push(format!("record {number}: {what}")),
            }
        }
        let entries: Vec<Entry> = records.iter().map(|record| record.entry.clone()).collect();
        self.out.findings.extend(self.claims.frame(head, segment, &entries));
        for record in records {
            self.check_record(record, segment, head.frame, keys, std::mem::take(&mut first));
        }
    }

    fn check_record(&mut self, record: Record, segment: &SegmentHead, frame: u64, keys: &keys::EpochKeys, first: bool) {
        let Entry { record: number, ms, .. } = record.entry;
        let named = matches!(&record.entry.event, Event::Opened { segment: digest, .. } if *digest == segment.digest());
        if first != named {
            self.out.findings.push(format!("segment {}: its first record does not name its head", segment.segment));
        }
        if !matches!(record.entry.event, Event::Opened { .. } | Event::Closed { .. } | Event::Purged { .. }) {
            if let Some(purge) = self.purges.last_mut() {
                purge.after_ms = Some(purge.after_ms.map_or(ms, |known| known.min(ms)));
            }
            self.newest_ms = self.newest_ms.max(Some(ms));
        }
        match &record.entry.event {
            Event::Decision(_) => self.check_list(&record, segment, keys),
            Event::Confirmed => {
                if let Err(error) = history::confirmed(&record, keys) {
                    self.out.findings.push(error.to_string());
                }
            }
            Event::Opened { gap, access, sample_ppm, .. } => {
                self.access.push(access.clone());
                sample_ppm.iter().for_each(|ppm| self.claims.sample(*ppm));
                if let Some(Gap { since_ms, answered, .. }) = gap {
                    let lists = if *answered {
                        "lists that were answered may be missing"
                    } else {
                        "no answered list is missing"
                    };
                    let since = since_ms.map_or("the beginning".to_owned(), |ms| format!("{ms} ms"));
                    self.out.notes.push(format!("record {number}: a writer ended by a crash after {since}; {lists}"));
                }
            }
            Event::Anchored { note } => {
                let text = note.split_once("\n\n").map_or("", |(text, _)| text);
                if !self.notes.contains(text) {
                    self.out.findings.push(format!("record {number}: the cosigned head that it names is not here"));
                }
                self.claims.drawn_by(note);
            }
            Event::Closed { access } => self.access.push(access.clone()),
            Event::ClockBack { from_ms } => {
                self.out.notes.push(format!("record {number}: the clock went back from {from_ms} ms to {ms} ms"));
            }
            Event::Lost { lists, reason } => {
                self.out.notes.push(format!("record {number}: {lists} lists were judged and not recorded: {reason}"));
            }
            Event::Purged { until, what, by } => {
                let (until, what, by, before_ms) = (*until, *what, by.clone(), self.newest_ms);
                self.purges.push(Purged { record: number, frame, ms, until, what, by, before_ms, after_ms: None });
            }
            Event::Erased { day, reason, by } => {
                self.erased.insert(*day);
                let what = format!("{by} erased the personal columns of {day} before their time: {reason}");
                self.out.notes.push(format!("record {number}: {what}"));
            }
            Event::Held { case, held, file, .. } => {
                self.held.insert((case.clone(), *held), file.clone());
                self.released.remove(case);
            }
            Event::Released { case, by } => {
                self.held.retain(|(of, _), _| of != case);
                self.released.insert(case.clone());
                self.out.notes.push(format!("record {number}: {by} ended case {case}"));
            }
            Event::Set(set) => {
                let found = self.claims.described(set, self.modules);
                self.out.findings.extend(found.into_iter().map(|what| format!("record {number}: {what}")));
            }
        }
    }

    fn check_list(&mut self, record: &Record, segment: &SegmentHead, keys: &keys::EpochKeys) {
        let Event::Decision(listed) = &record.entry.event else { return };
        *(if listed.level == Level::Full { &mut self.out.full } else { &mut self.out.commit }) += 1;
        let recorded = history::open(segment.epoch, record, keys);
        for (file, held) in self.copies.remove(&record.entry.record).into_iter().flatten() {
            if recorded.as_ref().is_ok_and(|recorded| !holds::agrees(&held, recorded)) {
                self.out.findings.push(format!("{file}: it says something else than record {}", held.record));
            }
        }
        match recorded.and_then(|recorded| self.claims.list(&recorded, record, keys)) {
            Ok(found) => self.out.findings.extend(found),
            Err(error) => self.out.findings.push(error.to_string()),
        }
    }

    /// Purges of what had to be kept still, and purges at a time that nothing else bears out.
    fn check_purges(&mut self) {
        let mut after_ms = None;
        for purge in self.purges.iter_mut().rev() {
            after_ms = [after_ms, purge.after_ms].into_iter().flatten().min();
            purge.after_ms = after_ms;
        }
        for (segment, day) in &self.stripped {
            if !self.purges.iter().any(|purge| purge.what == Purge::All && *day <= purge.until) {
                self.out.findings.push(format!(
                    "segment {segment}: its records are gone, and no purge on the record covers {day}: put its file back"
                ));
            }
        }
        for purge in &self.purges {
            let Purged { record, ms, until, what, by, .. } = purge;
            let (words, day) =
                (if *what == Purge::All { "everything" } else { "personal columns" }, Day::containing(*ms));
            self.out.notes.push(format!("record {record}: {by} purged {words} up to {until}, on {day}"));
            let expired = keys::expired(*ms);
            if *what == Purge::All && *until > expired {
                self.out.findings.push(format!(
                    "record {record}: {by} purged everything up to {until} on {day}: what is younger than {RETENTION_DAYS} days has \
                     to be kept, and the last day that might go was {expired}"
                ));
            }
            let cosigned = self.anchors.iter().filter(|anchor| anchor.size > purge.frame).map(|anchor| anchor.at_ms());
            let cosigned = cosigned.min();
            let ahead = |of: i64| ms.saturating_sub(of) > CLOCK_TOLERANCE_MS;
            let contradicted = cosigned.is_some_and(ahead) || purge.after_ms.is_some_and(ahead);
            let borne_out = (self.trusted && cosigned.is_some()) || !purge.before_ms.is_some_and(ahead);
            if contradicted || !borne_out {
                let of = match contradicted {
                    true => "what was recorded or cosigned after it",
                    false => {
                        "everything before it; where it was right, a cosigned head bears it out (`normgate ledger anchor`)"
                    }
                };
                self.out.findings.push(format!(
                    "record {record}: {by} purged {words} by a clock that stood at {ms} ms, more than a day ahead of {of}"
                ));
            }
        }
    }

    /// Says how the sample was drawn, and what no module at hand tells, where that is worth knowing.
    fn say_sample(&mut self) {
        if !self.claims.absent.is_empty() {
            let absent: Vec<&str> = self.claims.absent.iter().map(String::as_str).collect();
            self.out.notes.push(format!(
                "modules that are not at hand do not tell which lists had to be kept in full; give them with -p: {}",
                absent.join(", ")
            ));
        }
        if self.claims.least_ppm == Some(0) {
            self.out.notes.push(
                "some writer kept no sample (0 in a million): all that nobody has to account for is a commitment"
                    .into(),
            );
        }
        if self.claims.drawn_by_own_key > 0 {
            self.out.notes.push(format!(
                "{} lists of the sample were drawn by the ledger's own key, so the platform could know beforehand which; lists that \
                 follow a cosigned head are drawn by that",
                self.claims.drawn_by_own_key
            ));
        }
    }
}
