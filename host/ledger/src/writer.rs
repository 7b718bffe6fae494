//! The writer: a thread that seals, frames and commits what waits in the queue, off the judging path.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Instant;

use normgate::contract::{Day, hex, now_ms};
use normgate::{Batch, Circumstances, Confirmation, Outcome};
use tracing::error;

use crate::access;
use crate::anchor;
use crate::error::LedgerError;
use crate::frame;
use crate::history;
use crate::holds::{self, Held};
use crate::home::{CHECKPOINTS, Home, KEYS, PUBLIC};
use crate::keys::{self, Class, RETENTION_DAYS, Signer, Slot, WriterKeys, rounded_down, sha256};
use crate::level;
use crate::merkle::{Edge, Hash, leaf};
use crate::note::{Checkpoint, Verifier};
use crate::prepared::{self, Prepared, Waiting, What};
use crate::record::{About, Body, Entry, Event, Gap, Level, Listed, Part, Purge, Record};
use crate::recorded::Query;
use crate::sample::{Lots, Seed};
use crate::segment::{self, Before, Next, SegmentHead, SegmentReader};
use crate::settings::{Durability, Settings, Tally};
use crate::verify::CLOCK_TOLERANCE_MS;

/// Most lists of one commit; what comes meanwhile is of the next.
const MAX_COMMIT: usize = 1_024;
/// Bytes of records after which a frame ends, so that looking one up never decompresses much.
const FRAME_BYTES: usize = 8 << 20;
/// How far a time may lie before the latest one without the clock having gone back: threads finish in any order.
pub(crate) const CLOCK_SLACK_MS: i64 = 2_000;

/// What the writer is asked.
pub(crate) enum Command {
    Record(Box<Waiting>),
    /// Anything else: it is done once all that waited before it is written.
    Ask(Box<dyn FnOnce(&mut Writer) + Send>),
    /// Nothing follows: the ledger is closed.
    End,
}

/// Whether a purge may be, by a clock that stands at `now_ms`, after what was recorded last; a sentence on why not otherwise.
fn check_purge(now_ms: i64, latest_ms: i64, until: Day, what: Purge, idle: bool) -> Result<(), String> {
    if until >= Day::containing(now_ms) {
        return Err(format!("{until} is not over; a purge ends with yesterday at the latest"));
    }
    let expired = keys::expired(now_ms);
    if what == Purge::All && until > expired {
        return Err(format!(
            "everything is kept for {RETENTION_DAYS} days: a purge ends with {expired} at the latest; personal columns alone may go \
             before"
        ));
    }
    if !idle && latest_ms != i64::MIN && now_ms.saturating_sub(latest_ms) > CLOCK_TOLERANCE_MS {
        return Err(format!(
            "the clock stands at {}, and what was recorded last is of {}: set the clock, or say with `--after-idling` that it is \
             right and nothing was recorded since",
            Day::containing(now_ms),
            Day::containing(latest_ms)
        ));
    }
    Ok(())
}

/// What is wrong with a segment that no crash leaves so.
fn no_crash(place: String, what: &str) -> LedgerError {
    let message = format!("{what}, and no crash leaves that; see `normgate ledger verify`, and restore the file");
    LedgerError::altered(place, message)
}

/// The segment that is being written.
struct Open {
    file: File,
    name: String,
    number: u64,
    keys: WriterKeys,
    length: u64,
    /// Policy sets that are described in it.
    described: HashSet<String>,
}

/// Records that are encoded and not yet written.
#[derive(Default)]
struct Draft {
    records: Vec<Vec<u8>>,
    bytes: usize,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    described: Vec<String>,
    /// Lost lists that it puts on the record.
    lost: u64,
    levels: Vec<Level>,
    acknowledge: Vec<Option<SyncSender<Result<(), LedgerError>>>>,
}

impl Draft {
    fn push(&mut self, record: &Record) {
        let (bytes, ms) = (record.encode(), record.entry.ms);
        self.from_ms = Some(self.from_ms.map_or(ms, |known| known.min(ms)));
        self.to_ms = Some(self.to_ms.map_or(ms, |known| known.max(ms)));
        self.bytes += bytes.len();
        self.records.push(bytes);
    }
}

/// The thread's own state.
pub(crate) struct Writer {
    home: Home,
    /// Held while the ledger is open.
    _lock: File,
    settings: Settings,
    signer: Signer,
    verifier: Verifier,
    log: Edge,
    records: u64,
    next_segment: u64,
    before: Option<Before>,
    gap: Option<Gap>,
    open: Option<Open>,
    /// The latest time so far.
    latest_ms: i64,
    /// When it last signed the head of the log, and took up what was cosigned.
    signed: Instant,
    /// The newest cosigned head that it knows of, and what lots are drawn by since that is on the record.
    anchor: Option<String>,
    seed: Option<Seed>,
    /// Lists that could not be written, and are not yet on the record, and why.
    lost: Option<(u64, String)>,
    /// Why something could not be written last.
    refused: String,
    /// Whether nobody knows any more what is on the disk.
    broken: bool,
    /// How many lists are prepared at a time: a share for each core.
    at_a_time: usize,
    tally: Arc<Tally>,
}

impl Writer {
    pub(crate) fn open(path: &Path, settings: Settings, tally: Arc<Tally>) -> Result<Self, LedgerError> {
        if settings.personal_max_d < RETENTION_DAYS {
            return Err(LedgerError::Absent(format!(
                "invalid personal_max_d `{}`: expected {RETENTION_DAYS} at least; `purge --personal` ends personal columns sooner",
                settings.personal_max_d
            )));
        }
        let home = Home::create(path, settings.wrap.clone())?;
        let lock = home.lock()?;
        let segments = segment::begun(&home)?;
        let signer = match Signer::read(&home)? {
            None if !segments.is_empty() => {
                return Err(LedgerError::Absent(format!(
                    "{}: the ledger's signing key is lost; put it back, or start a new ledger beside this one",
                    home.of(KEYS)
                )));
            }
            Some(signer) => signer,
            None => Signer::provide(&home)?,
        };
        let verifier = Verifier::of(&signer);
        match home.read(PUBLIC)? {
            Some(text) if text != format!("{}\n", verifier.text()).as_bytes() => {
                return Err(LedgerError::altered(
                    home.of(PUBLIC),
                    "it is not the key that belongs to keys/signing.key",
                ));
            }
            Some(_) => {}
            None => home.write(PUBLIC, format!("{}\n", verifier.text()).as_bytes())?,
        }
        let mut writer = Self {
            home,
            _lock: lock,
            settings,
            signer,
            verifier,
            log: Edge::default(),
            records: 0,
            next_segment: 0,
            before: None,
            gap: None,
            open: None,
            latest_ms: i64::MIN,
            signed: Instant::now(),
            anchor: None,
            seed: None,
            lost: None,
            refused: String::new(),
            broken: false,
            at_a_time: prepared::SHARE * thread::available_parallelism().map_or(1, usize::from),
            tally,
        };
        if let Some((number, purged)) = segments.last() {
            writer.follow(*number, *purged)?;
        }
        writer.hold_against_checkpoint(&segments)?;
        writer.take_up_anchor()?;
        Ok(writer)
    }

    /// Takes up where the last segment ends, and notes what a crash may have left out.
    fn follow(&mut self, number: u64, purged: bool) -> Result<(), LedgerError> {
        let mut reader = SegmentReader::open(&self.home, number, purged)?;
        let wrong = |what: &str| LedgerError::altered(reader.place(), what);
        self.log = reader.head.log().ok_or_else(|| wrong("its head has no log"))?;
        self.records = reader.head.records;
        self.next_segment = number + 1;
        let (mut since_ms, mut closed, mut torn) = (None, purged, None);
        loop {
            match reader.next(|_| true)? {
                Next::Frame(head, records) => {
                    self.log.push(leaf(&head.encode()));
                    self.records += u64::from(head.records);
                    self.latest_ms = self.latest_ms.max(head.to_ms);
                    since_ms = Some(head.to_ms);
                    let last = records.as_ref().and_then(|records| records.last()).map(|bytes| Record::decode(bytes));
                    closed = purged
                        || matches!(last, Some(Ok(Record { entry: Entry { event: Event::Closed { .. }, .. }, .. })));
                }
                Next::End => break,
                Next::Broken { torn: true, .. } if !closed => {
                    torn = Some(reader.tail()?);
                    break;
                }
                Next::Broken { what, .. } => return Err(no_crash(reader.place(), &what)),
                Next::Damaged(_, what) => return Err(no_crash(reader.place(), what)),
            }
        }
        let torn = torn.unwrap_or_default();
        let torn_bytes = torn.len() as u64;
        self.before = Some(Before { length: reader.length, torn: torn_bytes, torn_sha256: sha256(&torn) });
        self.gap = (!closed).then_some(Gap { since_ms, torn: torn_bytes, answered: reader.head.behind });
        Ok(())
    }

    /// Holds the ledger against its own checkpoint: one that ends before it has lost what was acknowledged.
    fn hold_against_checkpoint(&self, segments: &[(u64, bool)]) -> Result<(), LedgerError> {
        let newest = self.home.newest_note()?;
        let Some((name, note)) = newest else { return self.hold_heads(segments, (0, Edge::default().root())) };
        let Checkpoint { size, root, .. } = Checkpoint::open(&note, &self.verifier)?;
        self.hold_heads(segments, (size, root))?;
        if size > self.log.size || (size == self.log.size && root != self.log.root()) {
            return Err(LedgerError::altered(
                self.home.of(&name),
                format!(
                    "it was signed over {size} frames, and the ledger has {} that are others; restore the segments",
                    self.log.size
                ),
            ));
        }
        Ok(())
    }

    /// Holds the heads of the last segments against the frames before them, from those that were signed on: what is written next
    /// stands on the last head, and is signed with it.
    fn hold_heads(&self, segments: &[(u64, bool)], (size, root): (u64, Hash)) -> Result<(), LedgerError> {
        let mut since = segments.len();
        while let Some(before) = since.checked_sub(1) {
            since = before;
            if SegmentReader::open(&self.home, segments[since].0, segments[since].1)?.head.frames < size {
                break;
            }
        }
        let mut known = (since == 0).then(|| (Edge::default(), 0));
        for &(number, purged) in &segments[since..] {
            let name = segment::file(number, purged);
            let wrong = |what: &str| {
                let message = format!("{what}; see `normgate ledger verify`, and restore the file");
                LedgerError::altered(self.home.of(&name), message)
            };
            let mut reader = SegmentReader::open(&self.home, number, purged)?;
            let claimed = reader.head.log().map(|log| (log, reader.head.records));
            let (mut log, mut records) = claimed.ok_or_else(|| wrong("its head has no log"))?;
            if known.is_some_and(|known| known != (log.clone(), records)) {
                return Err(wrong("its head does not follow from the segments before it"));
            }
            let mut first = true;
            while let Next::Frame(head, frame) = reader.next(|_| first)? {
                let opened = frame.as_ref().and_then(|frame| frame.first()).map(|bytes| Record::decode(bytes));
                let names = |record: &Record| matches!(&record.entry.event, Event::Opened { segment, .. } if *segment == reader.head.digest());
                if first && !purged && !opened.is_some_and(|record| record.is_ok_and(|record| names(&record))) {
                    return Err(wrong("its first record does not name its head"));
                }
                first = false;
                if (head.frame, head.first_record) != (log.size, records) {
                    return Err(wrong("its frames do not follow from its head"));
                }
                log.push(leaf(&head.encode()));
                records += u64::from(head.records);
                if log.size == size && log.root() != root {
                    return Err(wrong(&format!("its head and frames are not the {size} frames that were signed last")));
                }
            }
            known = Some((log, records));
        }
        Ok(())
    }

    pub(crate) fn run(mut self, commands: &Receiver<Command>) -> Result<(), LedgerError> {
        while let Ok(first) = commands.recv() {
            let (lists, then) = self.gather(first, commands);
            let begin = Instant::now();
            let committed = self.commit(lists).and_then(|()| self.sign_now_and_then());
            let ends = matches!(then, Some(Command::End));
            let done = committed.map(|()| {
                if let Some(Command::Ask(work)) = then {
                    work(&mut self);
                }
            });
            let busy = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.tally.busy_us.fetch_add(busy, Ordering::Relaxed);
            // What cannot be undone or synced leaves nobody knowing what is on the disk: better to stop than to go on.
            if let Err(error) = done {
                error!(%error, "the ledger stopped writing");
                *self.tally.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                return Err(error);
            }
            if ends {
                break;
            }
        }
        self.close()
    }

    /// Signs the head of the log when it is time, so that a witness has something to cosign, and takes up what was cosigned.
    fn sign_now_and_then(&mut self) -> Result<(), LedgerError> {
        if self.open.is_none() || self.signed.elapsed() < self.settings.checkpoint_every {
            return Ok(());
        }
        self.signed = Instant::now();
        match self.take_up_anchor().and_then(|()| self.sign_with_anchor()) {
            // A full disk is no reason to stop: lists that cannot be written say so themselves.
            Err(error) if !self.broken => {
                error!(%error, "the head of the log was not signed");
                Ok(())
            }
            done => done,
        }
    }

    fn sign_with_anchor(&mut self) -> Result<(), LedgerError> {
        let (before, mut draft) = (self.log.size, Draft::default());
        self.note_anchor(&mut draft);
        let noted = !draft.records.is_empty();
        self.write(draft)?;
        if noted && self.log.size == before {
            self.seed = None;
        }
        self.checkpoint().map(drop)
    }

    /// Looks which head of the log was cosigned last. What is no cosignature of this log is for `verify` to find.
    fn take_up_anchor(&mut self) -> Result<(), LedgerError> {
        let newest = anchor::witnesses(&self.home).and_then(|known| anchor::newest(&self.home, &known, &self.verifier));
        match newest {
            Ok(newest) => self.anchor = newest.map(|(_, note)| note),
            Err(error @ LedgerError::Altered { .. }) => error!(%error, "the ledger's witnesses cannot be read"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts the newest cosigned head on the record, where it is another one than that of which the record speaks.
    fn note_anchor(&mut self, draft: &mut Draft) {
        let Some(note) = self.anchor.clone() else { return };
        let seed = Some(Seed::of(&note));
        if self.seed != seed {
            self.note(Event::Anchored { note }, now_ms(), draft);
            self.seed = seed;
        }
    }

    /// The lists of the next commit, and the command that ends it, if one does.
    fn gather(&self, first: Command, commands: &Receiver<Command>) -> (Vec<Waiting>, Option<Command>) {
        if let (Durability::Behind { interval }, Command::Record(_)) = (self.settings.durability, &first) {
            self.sleep_until(Instant::now() + interval);
        }
        let (mut lists, mut next) = (Vec::new(), Some(first));
        while let Some(command) = next.take() {
            match command {
                Command::Record(waiting) => {
                    self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
                    lists.push(*waiting);
                }
                other => {
                    self.tally.urgent.fetch_sub(1, Ordering::Relaxed);
                    return (lists, Some(other));
                }
            }
            // Whether nothing waits or nobody is left, this commit is complete.
            next = if lists.len() < MAX_COMMIT { commands.try_recv().ok() } else { None };
        }
        (lists, None)
    }

    /// Lets lists come together, unless so many wait that judging might have to, or somebody waits for this thread.
    fn sleep_until(&self, until: Instant) {
        let Tally { waiting, urgent, .. } = &*self.tally;
        while urgent.load(Ordering::Relaxed) == 0 && waiting.load(Ordering::Relaxed) < self.settings.half() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
    }

    /// Writes lists, and acknowledges each when it is on the disk.
    fn commit(&mut self, mut lists: Vec<Waiting>) -> Result<(), LedgerError> {
        let mut draft = Draft::default();
        while !lists.is_empty() {
            let later = lists.split_off(self.at_a_time.min(lists.len()));
            let ready = prepared::all(&lists);
            let mut ready = std::mem::replace(&mut lists, later).into_iter().zip(ready);
            while let Some((waiting, prepared)) = ready.next() {
                let room = self.make_room(waiting.ms, &mut draft);
                let encoded = room.and_then(|()| match (&waiting.what, prepared) {
                    (What::List { request, outcome }, Some(prepared)) => {
                        self.encode(request, outcome, prepared, &mut draft)
                    }
                    (What::Confirmation(confirmation), _) => {
                        self.encode_confirmation(confirmation, waiting.ms, &mut draft)
                    }
                    (What::List { .. }, None) => {
                        Err(LedgerError::NotRecorded { message: "a list was not prepared".into() })
                    }
                });
                match encoded {
                    Ok(()) => draft.acknowledge.push(waiting.done),
                    Err(error) if self.broken => return Err(error),
                    // The command that wraps keys is not asked again for every list that came with this one.
                    Err(error @ LedgerError::Wrap { .. }) => {
                        let with_it = ready.by_ref().map(|(waiting, _)| waiting).chain(std::mem::take(&mut lists));
                        let lost = [waiting.done].into_iter().chain(with_it.map(|waiting| waiting.done)).collect();
                        self.lose(lost, &error);
                    }
                    Err(error) => self.lose(vec![waiting.done], &error),
                }
            }
        }
        self.write(draft)
    }

    /// Puts on the disk that the ledger is open, before anything is recorded.
    pub(crate) fn begin_at(&mut self, ms: i64) -> Result<(), LedgerError> {
        let mut draft = Draft::default();
        self.make_room(ms, &mut draft)?;
        self.write(draft)
    }

    /// Sees to it that a segment of the right day is open. What was drafted before is written where it belongs.
    fn make_room(&mut self, ms: i64, draft: &mut Draft) -> Result<(), LedgerError> {
        let day = Day::containing(ms);
        let late = ms < self.latest_ms && self.latest_ms - ms <= CLOCK_SLACK_MS;
        let fits = self.open.as_ref().is_some_and(|open| {
            (open.keys.epoch == day || late) && open.length + (draft.bytes as u64) < self.settings.segment_bytes
        });
        if !fits {
            self.write(std::mem::take(draft))?;
            let ended = self.open.take();
            if ended.is_some() {
                self.checkpoint()?;
            }
            // A day has its keys once: those of the segment that ended are the same.
            match ended.map(|open| open.keys).filter(|keys| keys.epoch == day) {
                Some(keys) => self.begin(keys)?,
                None => {
                    self.home.wrapping.iter().for_each(|wrapping| wrapping.forget());
                    self.begin(WriterKeys::provide(&self.home, day, self.personal_d())?)?;
                }
            }
        } else if draft.bytes > FRAME_BYTES {
            self.write(std::mem::take(draft))?;
        }
        if self.latest_ms.saturating_sub(ms) > CLOCK_SLACK_MS && self.latest_ms != i64::MIN {
            let from_ms = self.latest_ms;
            // The times that follow are held against this one, not against the one that was ahead.
            self.latest_ms = ms;
            self.note(Event::ClockBack { from_ms }, ms, draft);
        }
        self.latest_ms = self.latest_ms.max(ms);
        self.note_losses(ms, draft);
        Ok(())
    }

    /// Puts lists that were lost on the record; they stay remembered until that is written.
    fn note_losses(&self, ms: i64, draft: &mut Draft) {
        if let Some((lists, reason)) = self.lost.clone().filter(|_| draft.lost == 0) {
            draft.lost = lists;
            self.note(Event::Lost { lists, reason }, ms, draft);
        }
    }

    /// Begins a segment: its head, and a record that names it.
    fn begin(&mut self, keys: WriterKeys) -> Result<(), LedgerError> {
        let head = SegmentHead {
            segment: self.next_segment,
            epoch: keys.epoch,
            keys: keys.named(),
            behind: matches!(self.settings.durability, Durability::Behind { .. }),
            frames: self.log.size,
            records: self.records,
            edge: self.log.nodes.iter().map(|node| hex(node)).collect(),
            before: self.before.clone(),
        };
        let name = segment::file(self.next_segment, false);
        let bytes = head.encode();
        let file = self.home.begin(&name, &bytes)?;
        let (number, length, described) = (head.segment, bytes.len() as u64, HashSet::new());
        self.open = Some(Open { file, name: name.clone(), number, keys, length, described });
        let mut draft = Draft::default();
        let (segment, gap, sample_ppm) = (head.digest(), self.gap.clone(), Some(self.settings.sample_ppm));
        let opened = Event::Opened { segment, gap, access: access::head(&self.home), sample_ppm };
        self.note(opened, now_ms(), &mut draft);
        // Said again in every segment, which may come to stand alone.
        self.seed = None;
        self.note_anchor(&mut draft);
        if let Err(error) = self.write_all(draft) {
            self.open = None;
            self.home.remove(&name)?;
            return Err(error);
        }
        self.home.sync(&name)?;
        self.next_segment += 1;
        (self.before, self.gap) = (None, None);
        self.tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a draft of the ledger's own records, for which nobody waits.
    fn write_all(&mut self, draft: Draft) -> Result<(), LedgerError> {
        let before = self.log.size;
        self.write(draft)?;
        if self.log.size > before {
            return Ok(());
        }
        Err(LedgerError::NotRecorded { message: self.refused.clone() })
    }

    fn note(&self, event: Event, ms: i64, draft: &mut Draft) {
        draft.push(&Record::of(Entry { record: self.records + draft.records.len() as u64, ms, event }));
    }

    fn open_segment(&self) -> Result<&Open, LedgerError> {
        let closed = || LedgerError::NotRecorded { message: "no segment is open".into() };
        self.open.as_ref().ok_or_else(closed)
    }

    /// For how many days personal columns are kept at most.
    fn personal_d(&self) -> u32 {
        rounded_down(self.settings.personal_max_d)
    }

    fn encode_confirmation(&self, confirmation: &Confirmation, ms: i64, draft: &mut Draft) -> Result<(), LedgerError> {
        let key = self.open_segment()?.keys.of(Class::Decision, RETENTION_DAYS)?;
        let record = self.records + draft.records.len() as u64;
        // Writing to memory cannot fail.
        let text = serde_json::to_vec(confirmation).unwrap_or_default();
        let entry = Entry { record, ms, event: Event::Confirmed };
        draft.push(&Record { body: key.seal(record, Part::Body, &text)?, ..Record::of(entry) });
        Ok(())
    }

    fn encode(
        &self,
        request: &Batch,
        outcome: &Outcome,
        prepared: Prepared,
        draft: &mut Draft,
    ) -> Result<(), LedgerError> {
        let keys = &self.open_segment()?.keys;
        let Prepared { decision_id, public, personal, outcome: text, facets, keep_d } = prepared;
        let personal_d = keep_d.min(self.personal_d());
        let key = keys.of(Class::Decision, keep_d)?;
        let (ms, set) = (outcome.circumstances.clock_ms, outcome.policy_set());
        let described = &self.open_segment()?.described;
        if !described.contains(set.digest()) && !draft.described.iter().any(|known| known == set.digest()) {
            self.note(Event::Set(Box::new(set.describe())), ms, draft);
            draft.described.push(set.digest().to_owned());
        }
        let record = self.records + draft.records.len() as u64;
        let own = keys.of(Class::Decision, RETENTION_DAYS)?;
        let lots = self.seed.as_ref().map_or(Lots::Own(own), Lots::Anchor);
        let why = level::reasons(request, outcome, lots.draw(&decision_id, self.settings.sample_ppm));
        let level = if why.is_empty() { Level::Commit } else { Level::Full };
        let about = About {
            id: decision_id,
            why,
            generation: outcome.generation().map(str::to_owned),
            keep_d,
            personal_d,
            input: hex(&key.tag("input", &[&public[..], &personal].concat())),
            circumstances: Circumstances { draws: Vec::new(), ..outcome.circumstances.clone() },
        };
        // Writing to memory cannot fail.
        let about = serde_json::to_vec(&about).unwrap_or_default();
        let (columns, personal) = match level {
            Level::Full => {
                (&public[..], keys.of(Class::Personal, personal_d)?.seal(record, Part::Personal, &personal)?)
            }
            Level::Commit => (&[][..], Vec::new()),
        };
        let listed = Listed { level, policy_set: set.digest().to_owned() };
        draft.push(&Record {
            entry: Entry { record, ms, event: Event::Decision(listed) },
            about: key.seal(record, Part::About, &about)?,
            who: keys.of(Class::Decision, personal_d)?.seal(record, Part::Who, &facets)?,
            personal,
            body: key.seal(record, Part::Body, &Body::encode(columns, &text))?,
        });
        draft.levels.push(level);
        Ok(())
    }

    /// Writes a draft as one frame and has it on the disk. Where that fails nothing of it is kept, and its lists are lost;
    /// an error here is one that leaves nobody knowing what is on the disk.
    fn write(&mut self, draft: Draft) -> Result<(), LedgerError> {
        let (Some(from_ms), Some(to_ms), Some(open)) = (draft.from_ms, draft.to_ms, &mut self.open) else {
            return Ok(());
        };
        let place = || self.home.of(&open.name);
        let sets = draft.described.len() as u32;
        let made = frame::encode(self.log.size, self.records, (from_ms, to_ms), sets, &draft.records);
        let written = made.and_then(|(head, bytes)| open.file.write_all(&bytes).map(|()| (head, bytes.len() as u64)));
        match written {
            Ok((head, length)) => {
                if let Err(source) = open.file.sync_data() {
                    self.broken = true;
                    return Err(LedgerError::Io { place: place(), source });
                }
                open.length += length;
                open.described.extend(draft.described);
                self.log.push(leaf(&head.encode()));
                self.records += u64::from(head.records);
                self.lost =
                    self.lost.take().filter(|(lists, _)| *lists > draft.lost).map(|(n, why)| (n - draft.lost, why));
                self.tally.bytes.fetch_add(length, Ordering::Relaxed);
                for level in draft.levels {
                    let count = if level == Level::Full { &self.tally.full } else { &self.tally.commit };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // Whoever waited may have gone.
                draft.acknowledge.into_iter().flatten().for_each(|done| drop(done.send(Ok(()))));
                Ok(())
            }
            Err(source) => {
                // Back to the last whole frame, so that the next one follows it.
                let whole = open.file.set_len(open.length).and_then(|()| {
                    use std::io::{Seek, SeekFrom};
                    open.file.seek(SeekFrom::Start(open.length)).map(|_| ())
                });
                let error = LedgerError::Io { place: place(), source };
                self.lose(draft.acknowledge, &error);
                self.broken = whole.is_err();
                whole.map_err(|_| error)
            }
        }
    }

    /// Says that lists are not recorded, to whoever waits, in the log of the process, and on the record as soon as there is one.
    fn lose(&mut self, lists: Vec<Option<SyncSender<Result<(), LedgerError>>>>, error: &LedgerError) {
        let (count, message) = (lists.len() as u64, error.to_string());
        error!(lists = count, message, "the ledger could not be written");
        self.refused.clone_from(&message);
        self.tally.lost.fetch_add(count, Ordering::Relaxed);
        for done in lists.into_iter().flatten() {
            let _ = done.send(Err(LedgerError::NotRecorded { message: message.clone() }));
        }
        let (known, _) = self.lost.take().unwrap_or_default();
        self.lost = (known + count > 0).then_some((known + count, message));
    }

    /// Signs the head of the log.
    pub(crate) fn checkpoint(&mut self) -> Result<String, LedgerError> {
        let checkpoint =
            Checkpoint { origin: self.verifier.name().to_owned(), size: self.log.size, root: self.log.root() };
        let note = checkpoint.sign(&self.signer, &self.verifier);
        self.home.write(&format!("{CHECKPOINTS}/{:012}.note", self.log.size), note.as_bytes())?;
        self.signed = Instant::now();
        Ok(note)
    }

    /// Puts a purge on the record, then does it. `idle`: it is so that nothing was recorded for long, and the clock is right.
    pub(crate) fn purge(&mut self, until: Day, what: Purge, by: String, idle: bool) -> Result<(), LedgerError> {
        let now = now_ms();
        check_purge(now, self.latest_ms, until, what, idle).map_err(LedgerError::Absent)?;
        let mut draft = Draft::default();
        self.make_room(now, &mut draft)?;
        self.note(Event::Purged { until, what, by }, now, &mut draft);
        // What said so before may go with its segment.
        for held in self.holds()? {
            self.note(held, now, &mut draft);
        }
        self.write_all(draft)?;
        self.checkpoint()?;
        let current = self.open.as_ref().map(|open| open.number);
        let slots = || -> Result<Vec<Slot>, LedgerError> {
            Ok(self.home.names(KEYS)?.iter().filter_map(|name| Slot::of_file(name)).collect())
        };
        for slot in slots()?.into_iter().filter(|slot| slot.ends_by(until)) {
            if what == Purge::All || slot.class == Class::Personal {
                self.home.destroy(&slot.file())?;
            }
        }
        if what == Purge::All {
            let mut whole = BTreeSet::new();
            for (number, _) in segment::list(&self.home)?.into_iter().filter(|(number, _)| Some(*number) != current) {
                if !self.home.exists(&segment::file(number, false)) {
                    continue;
                }
                let epoch = SegmentReader::open(&self.home, number, false)?.head.epoch;
                // A segment stays for the longest-kept of its lists; the others in it have lost their key.
                if epoch <= until && !segment::is_readable(&self.home, number)? {
                    segment::strip(&self.home, number)?;
                } else {
                    whole.insert(epoch);
                }
            }
            // Keys of a day of which nothing is left seal nothing.
            for slot in slots()?.into_iter().filter(|slot| slot.epoch <= until && !whole.contains(&slot.epoch)) {
                self.home.destroy(&slot.file())?;
            }
        }
        self.home.finish_destroying()
    }

    /// Puts the erasure of a day's personal columns on the record, then does it.
    pub(crate) fn erase(&mut self, day: Day, reason: String, by: String) -> Result<(), LedgerError> {
        if reason.trim().is_empty() {
            return Err(LedgerError::Absent("an erasure before its time needs a reason".into()));
        }
        if day >= Day::containing(now_ms()) {
            return Err(LedgerError::Absent(format!(
                "{day} is not over; yesterday's personal columns can be erased at the latest"
            )));
        }
        let left = |slot: &Slot| [slot.file(), slot.file() + ".part"].iter().any(|name| self.home.exists(name));
        let personal: Vec<Slot> = Slot::all(day).filter(|slot| slot.class == Class::Personal && left(slot)).collect();
        if personal.is_empty() {
            return Err(LedgerError::Absent(format!(
                "{day}: no personal columns of that day are left, or there never were any"
            )));
        }
        self.say(Event::Erased { day, reason, by })?;
        personal.into_iter().try_for_each(|slot| self.home.destroy(&slot.file()))
    }

    /// Seals a record again for a case, and puts that on the record.
    pub(crate) fn hold(&mut self, which: &str, case: String, by: String) -> Result<(), LedgerError> {
        holds::check_name(&case)?;
        let mut found = Vec::new();
        let damage = history::records(&self.home, &Query::of(which), |found_here, _| {
            let Entry { record, event, .. } = &found_here.record.entry;
            found.extend(matches!(event, Event::Decision(_)).then_some(*record));
            Ok(())
        })?;
        if found.is_empty() {
            damage.told()?;
        }
        let record = history::one(&self.home, which, found, |record| *record)?;
        let key = keys::provide(&self.home, &holds::key_file(&case))?;
        let (mut sets, mut held) = (HashMap::new(), None);
        history::records(&self.home, &Query { record: Some(record), ..Query::default() }, |found, keys| {
            match &found.record.entry.event {
                Event::Set(set) => drop(sets.insert(set.policy_set.clone(), (**set).clone())),
                Event::Decision(listed) => {
                    let set = sets.get(&listed.policy_set).cloned().ok_or_else(|| {
                        LedgerError::altered(format!("record {record}"), "its policy set is not described")
                    })?;
                    let place = (found.head, found.frame, found.index);
                    held = Some(Held::seal(found.segment.epoch, set, place, keys, &key)?);
                }
                _ => {}
            }
            Ok(())
        })?;
        let gone = || LedgerError::KeyGone { place: format!("record {record}") };
        let held = held.ok_or_else(gone)?;
        let file = held.write(&self.home, &(case.clone(), record))?;
        self.say(Event::Held { case, held: record, file, by })
    }

    /// Puts the end of a case on the record, then destroys its key and what it sealed.
    pub(crate) fn release(&mut self, case: String, by: String) -> Result<(), LedgerError> {
        let held: Vec<_> = holds::list(&self.home)?.into_iter().filter(|(of, _)| *of == case).collect();
        if held.is_empty() {
            return Err(LedgerError::Absent(format!("nothing is held for case `{case}`")));
        }
        // Where the key is gone, an earlier call was interrupted after that, and this one does what is left.
        let key = holds::key_file(&case);
        if self.home.exists(&key) {
            self.say(Event::Released { case, by })?;
            self.home.destroy(&key)?;
        }
        held.iter().try_for_each(|place| self.home.remove(&holds::file(place)))
    }

    /// What is held now, as the record says it.
    fn holds(&self) -> Result<Vec<Event>, LedgerError> {
        let held = holds::list(&self.home)?.into_iter().map(|place| {
            let (_, file) = Held::read(&self.home, &place)?;
            Ok(Event::Held { case: place.0, held: place.1, file, by: "purge".into() })
        });
        held.collect()
    }

    /// Puts something of the ledger's own on the record, signed.
    fn say(&mut self, event: Event) -> Result<(), LedgerError> {
        let (now, mut draft) = (now_ms(), Draft::default());
        self.make_room(now, &mut draft)?;
        self.note(event, now, &mut draft);
        self.write_all(draft)?;
        self.checkpoint().map(drop)
    }

    /// Ends in order: the last record says so, and a checkpoint covers it.
    fn close(mut self) -> Result<(), LedgerError> {
        if self.open.is_some() {
            let mut draft = Draft::default();
            self.note_losses(now_ms(), &mut draft);
            let closed = Event::Closed { access: access::head(&self.home) };
            self.note(closed, now_ms(), &mut draft);
            self.write_all(draft)?;
            self.checkpoint()?;
        }
        match self.tally.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(LedgerError::NotRecorded {
                message: format!("{lost} lists could not be written: {}", self.refused),
            }),
        }
    }
}
