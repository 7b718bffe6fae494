//! `normgate demo`: judges the scenes that the program carries and prints them for a person to read.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use normgate_demo::{Page, gate};

use crate::judge::eval::Lang;
use crate::judge::source::artifacts;
use crate::screen;

/// Judge the scenes that this program carries, for a person to read: what was where before, where it is now, and why.
///
/// Example: normgate demo --scene films --user teen_mode
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Language of the sentences
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Lang,

    /// Show one scene only: feed, films, hot, shop, dispatch
    #[arg(long, value_name = "NAME")]
    scene: Option<String>,

    /// Judge for one user only, row by row: adult, teen, teen_mode, adult_off, rider
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let page = Page::of_terminal(args.lang.into(), screen::is_terminal());
    screen::own(&page.scenes(&gate(artifacts())?, args.scene.as_deref(), args.user.as_deref())?);
    Ok(ExitCode::SUCCESS)
}
