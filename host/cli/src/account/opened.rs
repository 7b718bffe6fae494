//! Opening a ledger with the keys as the platform keeps them.

use std::path::Path;

use anyhow::Result;
use normgate_ledger::{History, KeySettings, LedgerError, Settings};

/// The environment variable that names the file in which a platform says how its ledgers' keys are kept.
const KEY_SETTINGS: &str = "NORMGATE_LEDGER_CONFIG";

/// How the platform keeps its ledgers' keys; as they come where nothing is said.
fn key_settings() -> Result<KeySettings, LedgerError> {
    match std::env::var_os(KEY_SETTINGS) {
        Some(path) => KeySettings::read(Path::new(&path)),
        None => Ok(KeySettings::default()),
    }
}

/// A ledger for reading.
pub(crate) fn history(ledger: &Path) -> Result<History> {
    Ok(History::wrapped(ledger, key_settings()?.wrap()?)?)
}

/// How a ledger is written, but for what a command says itself.
pub(crate) fn settings() -> Result<Settings> {
    Ok(key_settings()?.settings()?)
}
