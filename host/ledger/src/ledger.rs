//! A ledger that is open for writing: what judging threads hold. They put lists into a bounded queue; all else is the writer's.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};
use std::thread::{self, JoinHandle, Thread};

use normgate::contract::{Day, now_ms};
use normgate::{Batch, Confirmation, NotRecorded, Outcome, Recorder};
use tracing::error;

use crate::error::LedgerError;
use crate::prepared::{Waiting, What};
use crate::record::Purge;
use crate::settings::{Counts, Durability, Settings, Tally, WhenFull};
use crate::writer::{Command, Writer};

/// A ledger that is open for writing. `Send + Sync`: every judging thread records through it.
pub struct Ledger {
    queue: SyncSender<Command>,
    worker: Mutex<Option<JoinHandle<Result<(), LedgerError>>>>,
    thread: Thread,
    /// Whether it was closed; held while something is put into the queue, so that nothing comes after the end.
    closed: RwLock<bool>,
    settings: Settings,
    tally: Arc<Tally>,
    /// Past it, the record that it was opened is on the disk, or could not be written.
    opening: Once,
}

impl Ledger {
    /// Opens a ledger for writing, and starts one where there is none. Only one process at a time may.
    ///
    /// # Errors
    /// When another process has it open, a file cannot be read or made, or the end of the ledger is not what was written.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, LedgerError> {
        let tally = Arc::new(Tally::default());
        let writer = Writer::open(path, settings.clone(), Arc::clone(&tally))?;
        let (queue, commands) = sync_channel(settings.queue.max(1));
        let place = path.display().to_string();
        let worker = thread::Builder::new().name("normgate-ledger".into()).spawn(move || writer.run(&commands));
        let worker = worker.map_err(LedgerError::io(place))?;
        let (thread, worker) = (worker.thread().clone(), Mutex::new(Some(worker)));
        Ok(Self { queue, worker, thread, closed: RwLock::new(false), settings, tally, opening: Once::new() })
    }

    /// Records one judged list.
    ///
    /// # Errors
    /// When the queue is full and the ledger refuses, when the list could not be written (with
    /// [`Durability::BeforeAnswer`]), or when the writer has ended.
    pub fn record(&self, request: &Batch, outcome: &Arc<Outcome>) -> Result<(), LedgerError> {
        let ms = outcome.circumstances.clock_ms;
        self.keep(What::List { request: request.clone(), outcome: Arc::clone(outcome) }, ms)
    }

    /// Records what became of a decision. It need not be of this ledger's current day, nor of this process.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub fn confirm(&self, confirmation: &Confirmation) -> Result<(), LedgerError> {
        self.keep(What::Confirmation(confirmation.clone()), now_ms())
    }

    fn keep(&self, what: What, ms: i64) -> Result<(), LedgerError> {
        // Nobody is answered before: a process that is killed at once then leaves a gap, and not nothing. What keeps it from being
        // written keeps this list from it too, and is said of that.
        self.opening.call_once(|| drop(self.ask(move |writer| writer.begin_at(ms))));
        let (done, acknowledged) = match self.settings.durability {
            Durability::BeforeAnswer => Some(sync_channel(1)).unzip(),
            Durability::Behind { .. } => (None, None),
        };
        self.send(Command::Record(Box::new(Waiting { what, ms, done })))?;
        match acknowledged {
            Some(acknowledged) => acknowledged.recv().unwrap_or_else(|_| Err(self.stopped())),
            None => Ok(()),
        }
    }

    /// Commits what waits, signs the head of the log, and gives the signed note.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        self.ask(Writer::checkpoint)
    }

    /// Destroys keys up to a day, and it too: what they sealed can be proven from then on, and not read. The purge is on the
    /// record before anything is gone; one that was interrupted is finished by asking again.
    ///
    /// # Errors
    /// When the day is not over, or, but for personal columns, not over for [`crate::RETENTION_DAYS`] days; when the clock is more than a
    /// day past what was recorded last; or a file cannot be written or removed.
    pub fn purge(&self, until: Day, what: Purge, by: &str) -> Result<(), LedgerError> {
        let by = by.to_owned();
        self.ask(move |writer| writer.purge(until, what, by, false))
    }

    /// The same where it is known that nothing was recorded for more than a day, and that the clock is right.
    ///
    /// # Errors
    /// As [`Ledger::purge`], but for the clock.
    pub fn purge_after_idling(&self, until: Day, what: Purge, by: &str) -> Result<(), LedgerError> {
        let by = by.to_owned();
        self.ask(move |writer| writer.purge(until, what, by, true))
    }

    /// Destroys the personal columns of a day before their time, as when persons ask for it: the decisions stay readable, and can no
    /// longer be judged again. The erasure is on the record, with its reason, before anything is gone.
    ///
    /// # Errors
    /// When the day is not over, no personal columns of it are left, no reason is given, or a file cannot be written or removed.
    pub fn erase(&self, day: Day, reason: &str, by: &str) -> Result<(), LedgerError> {
        let (reason, by) = (reason.to_owned(), by.to_owned());
        self.ask(move |writer| writer.erase(day, reason, by))
    }

    /// Holds a decision for a case: its record is sealed again under the case's key, and stays readable and provable when its
    /// day's keys are destroyed, until the case is over. `case` is up to 64 lower-case letters, digits and hyphens.
    ///
    /// # Errors
    /// When there is no such decision or its key is gone, or a file cannot be written.
    pub fn hold(&self, decision_id: &str, case: &str, by: &str) -> Result<(), LedgerError> {
        let (decision_id, case, by) = (decision_id.to_owned(), case.to_owned(), by.to_owned());
        self.ask(move |writer| writer.hold(&decision_id, case, by))
    }

    /// Ends a case: its key is destroyed, and what was held for it lives as long as any other record.
    ///
    /// # Errors
    /// When nothing is held for the case, or a file cannot be written or removed.
    pub fn release(&self, case: &str, by: &str) -> Result<(), LedgerError> {
        let (case, by) = (case.to_owned(), by.to_owned());
        self.ask(move |writer| writer.release(case, by))
    }

    /// What was done since it was opened.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Tally { full, commit, lost, bytes, busy_us, .. } = &*self.tally;
        Counts { full: read(full), commit: read(commit), lost: read(lost), bytes: read(bytes), busy_us: read(busy_us) }
    }

    /// Commits what waits, signs a checkpoint and closes the ledger, whoever else holds it: what is recorded from then on is refused.
    /// Closing again does nothing.
    ///
    /// # Errors
    /// When something could not be written, also if that was noticed before.
    pub fn close(&self) -> Result<(), LedgerError> {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
        let Some(worker) = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        self.hurry();
        // A writer that has ended by itself hears nothing any more.
        drop(self.queue.send(Command::End));
        worker.join().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (done, answer) = sync_channel(1);
        // Whoever asked may have gone; a failure is theirs to see to, and does not stop the writer.
        self.send(Command::Ask(Box::new(move |writer| drop(done.send(work(writer))))))?;
        answer.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn send(&self, command: Command) -> Result<(), LedgerError> {
        let (queue, closed) = (&self.queue, self.closed.read().unwrap_or_else(PoisonError::into_inner));
        if *closed {
            return Err(LedgerError::Stopped { message: "it was closed".into() });
        }
        match command {
            Command::Ask(_) | Command::End => {
                self.hurry();
                queue.send(command).map_err(|_| self.stopped())
            }
            Command::Record(_) => {
                // The writer sleeps out its interval, so that recording wakes nobody: but for the one who fills half of the queue.
                if self.tally.waiting.fetch_add(1, Ordering::Relaxed) + 1 == self.settings.half() {
                    self.wake();
                }
                let sent = match self.settings.when_full {
                    WhenFull::Wait => queue.send(command).map_err(|_| self.stopped()),
                    WhenFull::Refuse => queue.try_send(command).map_err(|error| match error {
                        TrySendError::Full(_) => LedgerError::Full { queue: self.settings.queue },
                        TrySendError::Disconnected(_) => self.stopped(),
                    }),
                };
                sent.inspect_err(|_| {
                    self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
                })
            }
        }
    }

    /// Has the writer do at once what waits.
    fn hurry(&self) {
        self.tally.urgent.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        self.thread.unpark();
    }

    fn stopped(&self) -> LedgerError {
        let stopped = self.tally.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        LedgerError::Stopped { message: stopped.clone().unwrap_or_else(|| "the writing thread ended".into()) }
    }
}

impl Recorder for Ledger {
    fn record(&self, request: &Batch, outcome: &Arc<Outcome>) -> Result<(), NotRecorded> {
        Self::record(self, request, outcome).map_err(|error| NotRecorded(error.to_string()))
    }

    fn confirm(&self, confirmation: &Confirmation) -> Result<(), NotRecorded> {
        Self::confirm(self, confirmation).map_err(|error| NotRecorded(error.to_string()))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            error!(%error, "the ledger was not closed in order");
        }
    }
}
