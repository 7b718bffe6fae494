//! `normgate override`: break-glass for one module.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::nearest;
use normgate::{MAX_OVERRIDE_S, Override, embedded};

use crate::identity::who;

/// Put one module into shadow for a while, or switch it off, on the record
///
/// A module in shadow is still asked, and what it says is reported under `shadow` and not applied. With
/// --off it is not asked at all. The override ends by itself, a day from now at the latest, stands in a file that only grows, and
/// every outcome names it.
///
/// Example: normgate override art18 --for 30m --reason "blocks everything since 14:05, ticket 4711"
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Prefix of the module, or id of its policy, of which every version is meant: art18, reference/art18-minors; without one, lists
    /// the overrides in force
    module: Option<String>,

    /// How long: 90s, 30m, 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, requires = "module", conflicts_with = "end")]
    duration: Option<Duration>,

    /// Do not run the module at all, for one that takes too much time or memory; what the law requires of it is missed in every
    /// outcome
    #[arg(long, requires = "module", conflicts_with = "end")]
    off: bool,

    /// End the override of the module now
    #[arg(long, requires = "module")]
    end: bool,

    /// Why, for the record; --end needs none
    #[arg(long, requires = "module")]
    reason: Option<String>,

    /// Who opens the glass, for the record; the account that runs the command stands beside it
    #[arg(long, value_name = "NAME", requires = "module")]
    by: Option<String>,

    /// The configuration beside which the record is kept
    #[arg(short, long, value_name = "normgate.toml", default_value = "normgate.toml")]
    config: PathBuf,
}

/// The record of overrides that belongs to a configuration.
pub(crate) fn record_of(config: &Path) -> PathBuf {
    config.with_extension("overrides.jsonl")
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if !args.config.is_file() {
        bail!(
            "{}: there is no such configuration, and a record beside it would be read by nobody; name the one that your gate reads with -c",
            args.config.display()
        );
    }
    let path = record_of(&args.config);
    let known = Override::read(&path).with_context(|| path.display().to_string())?;
    let Some(module) = &args.module else {
        let mut in_force = known.iter().filter(|entry| entry.left_ms() > 0).peekable();
        if in_force.peek().is_none() {
            say!("no override is in force ({})", path.display());
        }
        for entry in in_force {
            let (what, left) = (said(entry.off), entry.left_ms() / 1_000);
            say!("{}  {what}  {left} s left  by {}: {}", entry.module, entry.by, entry.reason);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let seconds = match (args.duration, args.end) {
        (Some(duration), false) => i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        (None, true) => 0,
        _ => bail!("say how long with --for (90s, 30m, 2h), or --end"),
    };
    if seconds > MAX_OVERRIDE_S {
        bail!(
            "--for: an override lasts at most {} h; what lasts longer is a change of configuration",
            MAX_OVERRIDE_S / 3600
        );
    }
    let reason = args.reason.clone().filter(|reason| !reason.trim().is_empty());
    let reason = match (reason, args.end) {
        (Some(reason), _) => reason,
        (None, true) => "ended".to_owned(),
        (None, false) => bail!("say why with --reason; it stands in every outcome"),
    };
    let carried = embedded::arp();
    let names = || carried.iter().flat_map(|carried| [carried.manifest.module.as_str(), carried.manifest.id.as_str()]);
    let is_carried = names().any(|name| name == module);
    if module.contains(['.', '@']) && !is_carried {
        bail!(
            "`{module}` is no prefix of a module and no id of a policy, such as art18 or reference/art18-minors; a rule or a release gets \
             another mode under [modes] in {}",
            args.config.display()
        );
    }
    if !args.end && !is_carried {
        let meant = nearest(module, names()).map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
        remark!(
            "`{module}` is not among the modules that this program carries{meant}; unless a module that you load has this prefix or id, \
             nothing is overridden: check the spelling, and take it back with `normgate override {module} --end`"
        );
    }
    let entry = Override { off: args.off, ..Override::starting_now(module, seconds, reason, who(args.by.as_deref())?) };
    entry.append(&path).with_context(|| path.display().to_string())?;
    match seconds {
        0 => say!("{module}: the override ends ({})", path.display()),
        seconds => say!("{module}: {} for {seconds} s ({})", said(args.off), path.display()),
    }
    Ok(ExitCode::SUCCESS)
}

/// What an override does to its module.
fn said(off: bool) -> &'static str {
    if off { "off" } else { "in shadow" }
}

/// A duration as a person types it: 90s, 30m, 2h.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(format!("`{text}` is not a duration such as 90s, 30m or 2h")),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is not a duration such as 90s, 30m or 2h"))
}
