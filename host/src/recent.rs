//! The last requests, kept in memory for trials.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::batch::Batch;

/// The last requests that were judged, for trials. They hold what was sent about users, in memory alone, until others come.
pub(crate) struct Recent {
    most: usize,
    kept: Mutex<VecDeque<Batch>>,
}

impl Recent {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(VecDeque::with_capacity(most)) }
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
}
