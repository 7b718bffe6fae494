//! The last requests, kept in memory for trials, and written to a file when somebody has to look at them.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use crate::batch::Batch;
use crate::stats::Health;

/// The last requests that were judged. They hold what was sent about users, in memory alone, until others come.
pub(crate) struct Recent {
    most: usize,
    kept: Mutex<VecDeque<Batch>>,
    /// Where they are written when a breaker opens.
    path: Option<PathBuf>,
    /// How often breakers had opened when they were written last.
    opened: AtomicU64,
}

impl Recent {
    pub(crate) fn new(most: usize, path: Option<PathBuf>) -> Self {
        Self { most, kept: Mutex::new(VecDeque::with_capacity(most)), path, opened: AtomicU64::new(0) }
    }

    /// Keeps a request, and forgets the oldest for it. A request that finds another one being kept is not: nobody waits here.
    pub(crate) fn keep(&self, request: &Batch) {
        if request.candidates() == 0 {
            return;
        }
        if let Ok(mut kept) = self.kept.try_lock() {
            if kept.len() >= self.most {
                kept.pop_front();
            }
            kept.push_back(request.clone());
        }
    }

    pub(crate) fn all(&self) -> Vec<Batch> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Writes the requests where they are wanted, if a breaker opened since the last time. Another thread writes; nobody waits.
    pub(crate) fn write_if_opened(&self, health: &[Arc<Health>]) {
        let Some(path) = &self.path else { return };
        let opened = health.iter().map(|health| health.breaker.opened()).sum();
        if self.opened.swap(opened, Ordering::Relaxed) >= opened {
            return;
        }
        let (requests, path) = (self.all(), path.clone());
        let writing = move || match write(&path, &requests) {
            Ok(()) => warn!(path = %path.display(), requests = requests.len(), "the last requests were written"),
            Err(error) => warn!(path = %path.display(), %error, "the last requests could not be written"),
        };
        if let Err(error) = std::thread::Builder::new().name("normgate-requests".into()).spawn(writing) {
            warn!(%error, "the last requests could not be written");
        }
    }
}

/// Writes requests to a file for its owner alone, one a line, in the place of one that may be there. Whoever reads the file
/// meanwhile reads the one or the other.
pub(crate) fn write(path: &Path, requests: &[Batch]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    // A pipe or a device is not replaced by a file.
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there and no regular file; name another"));
    }
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_extension(format!("{}-{number}.partial", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&partial).map(BufWriter::new).and_then(|mut file| {
        for request in requests {
            writeln!(file, "{}", request.to_json())?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    written.and_then(|()| fs::rename(&partial, path)).inspect_err(|_| {
        // What is not whole is of no use; that it cannot be removed either is no news.
        let _ = fs::remove_file(&partial);
    })
}
