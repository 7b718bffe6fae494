//! Pages that are generated and committed: compared in a test, written by `make docs` (`NORMGATE_ACCEPT=1`).

use std::path::{Path, PathBuf};

/// What stands below this line of a page is generated; what stands above is written by hand.
const MARKER: &str = "<!-- Generated below this line by `make docs`; do not edit there. -->\n";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a generated file with the committed one, or writes it.
pub(crate) fn generated(path: &str, text: &str) {
    let path = root().join(path);
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("NORMGATE_ACCEPT").is_some() {
        if committed != text {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        return;
    }
    assert!(committed == text, "{} is out of date; run `make docs` and commit it", path.display());
}

/// The same for the part of a page below its marker.
pub(crate) fn generated_below(path: &str, text: &str) {
    let page = std::fs::read_to_string(root().join(path)).unwrap();
    let (head, _) = page.split_once(MARKER).unwrap_or_else(|| panic!("{path} has no line {MARKER}"));
    generated(path, &format!("{head}{MARKER}{text}"));
}

/// The files with this extension under a folder, with their text.
pub(crate) fn files_under(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|known| known == extension) {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
    }
    pages.sort();
    pages
}
