//! Requests, copies and a witness for tests inside and outside of the crate.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use normgate::contract::now_ms;
use normgate_ledger::{Answered, Cosigner, History, Witness};
use serde_json::{Value, json};

/// A list of which nobody has to give account, of one of three users.
pub(crate) fn plain(number: u64) -> Value {
    json!({
        "id": format!("r{number}"),
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed", "off_option": true},
        "user": {"ref": format!("user-{}", number % 3), "age_band": "a18_60", "age_assurance": "id_verified",
                 "personalization": "on", "tags": [{"tag_id": "likes-tea", "in_dictionary": true, "review": "approved",
                                                     "state": "active", "sensitive": false}]},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": [{"id": format!("c{number}"), "kind": "article", "scan_state": "done", "retrieval_basis": "generic",
                        "commercial": false, "age_rating": "all", "news": {"is_news": false}, "title": "not kept"}],
    })
}

/// The same with an item that must be labelled, and nothing else.
pub(crate) fn labelled(number: u64) -> Value {
    let mut request = plain(number);
    request["candidates"][0]["aigc"] = json!({"meta_label": "1"});
    request
}

/// The same with an item that the law has labelled and demoted: the list is kept in full.
pub(crate) fn demoted(number: u64) -> Value {
    let mut request = labelled(number);
    request["candidates"][0]["signals"] = json!([{"code": "H1", "source": "human", "conf_ppm": 1_000_000}]);
    request
}

/// A copy of a ledger as it lies on the disk now: what a crash would leave.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A witness, with what it remembers beside the ledger.
pub(crate) struct Regulator {
    pub(crate) pair: Ed25519KeyPair,
    pub(crate) state: PathBuf,
}

impl Regulator {
    pub(crate) fn new(folder: &Path, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let state = folder.with_extension(format!("{seed}.json"));
        let _ = fs::remove_file(&state);
        Self { pair, state }
    }

    pub(crate) fn cosigner(&self) -> Cosigner {
        Cosigner::of(self.pair.public_key().as_ref().try_into().unwrap())
    }

    /// Cosigns what a ledger has signed last, as of so many seconds, and has the ledger keep it.
    pub(crate) fn anchor(&self, folder: &Path, at_s: u64) {
        let history = History::open(folder).unwrap();
        let old = history.last_cosigned(&self.cosigner()).unwrap().map_or(0, |(anchor, _)| anchor.size);
        let submission = history.submission(old).unwrap();
        let sign = |text: &[u8]| self.pair.sign(text).as_ref().to_vec();
        let witness = Witness { cosigner: self.cosigner(), sign: &sign, state: &self.state };
        let log = history.verifier().unwrap();
        let Answered::Cosigned(line) = witness.add_checkpoint(&submission.body, Some(&log), at_s).unwrap() else {
            panic!("{}", submission.body)
        };
        history.keep_anchor(&submission, &line, &self.cosigner(), now_ms()).unwrap();
    }
}

pub(crate) fn now_s() -> u64 {
    u64::try_from(now_ms() / 1_000).unwrap()
}
