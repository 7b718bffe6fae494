//! Prints the scenes, as `normgate demo` does, without the rest of that command.
//!
//! An example and no program: cargo then gives dependencies the features that the tests need, and compiles each of them once.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use normgate::{Artifacts, Language};
use normgate_demo::{Page, gate};

fn main() -> Result<()> {
    // A cache that cannot be used costs the time of compiling, nothing else.
    let gate = gate(Artifacts::of_user().ok().flatten())?;
    let page = Page::of_terminal(Language::En, io::stdout().is_terminal());
    io::stdout().write_all(page.scenes(&gate, None, None)?.as_bytes())?;
    Ok(())
}
