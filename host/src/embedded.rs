//! The modules that the library carries.

use normgate_contract::Vocabulary;

use crate::module::{LoadError, Module};

/// The reference reading of the Provisions, one module an article, with the sector norms (Art 5).
///
/// # Panics
/// Never with a library that was built whole: the modules are read by a test of every release.
#[expect(clippy::panic, reason = "the modules are part of the program, and a test reads them")]
pub fn arp() -> Vec<Module> {
    match try_arp() {
        Ok(modules) => modules,
        Err(error) => panic!("{error}"),
    }
}

fn try_arp() -> Result<Vec<Module>, LoadError> {
    normgate_policies::ARP
        .iter()
        .map(|(name, bytes)| {
            let module = Module::read(&format!("embedded/{name}"), bytes, Vocabulary::shipped())?;
            Ok(Module { embedded: true, ..module })
        })
        .collect()
}
