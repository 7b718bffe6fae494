//! `normgate report`: what is told to the public, to an authority, and to the platform itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use normgate::Config;
use normgate::contract::Day;
use normgate_report::{Assessment, Badge, Calendar, Event, Filing, FilingError, Page, Problem, Profile, disclosure};

use crate::account::lookup::{Range, Who, note_access, read};
use crate::account::opened::history;
use crate::judge::eval::Lang;
use crate::judge::source::{Source, at_hand};
use crate::screen::{self, Progress};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The page for the public (Art 7, 12, 16): how the algorithm works, how to turn it off, which rules judge it
    ///
    /// Example: normgate report disclosure --profile provider.toml --lang zh --format html > algorithm.html
    Disclosure {
        #[command(flatten)]
        provider: Provider,
        #[command(flatten)]
        look: Look,
        #[command(flatten)]
        source: Source,
    },
    /// The filing record (Art 24) as JSON, checked field by field, with the deadlines in working days (Art 24, 25)
    ///
    /// Example: normgate report filing --profile provider.toml --calendar 2026.toml --event start --on 2026-11-02
    Filing {
        #[command(flatten)]
        provider: Provider,
        /// Holidays and adjusted working days of a time, as announced; may be given again for another year
        #[arg(long, value_name = "calendar.toml")]
        calendar: Vec<PathBuf>,
        /// What a deadline runs from; without it, what the profile itself dates
        #[arg(long, value_name = "EVENT", requires = "on", requires = "calendar")]
        event: Option<EventArg>,
        /// On which day it was
        #[arg(long, value_name = "YYYY-MM-DD", requires = "event")]
        on: Option<Day>,
    },
    /// Figures for a self-assessment (Art 8, 18, 24, 27), counted from a ledger
    ///
    /// Example: normgate report self-assessment decisions --from 2026-10-01 --to 2026-10-31 --lang zh --format html
    SelfAssessment {
        /// The ledger
        ledger: PathBuf,
        #[command(flatten)]
        range: Range,
        /// Language
        #[arg(long, value_name = "LANGUAGE", default_value = "en")]
        lang: Lang,
        /// Markdown, one HTML file that needs nothing else, or the figures as JSON
        #[arg(long, value_name = "FORMAT", default_value = "md")]
        format: FigureFormat,
        /// What the provider says of itself: adds its name and its register of management systems (Art 7) to the page
        #[arg(long, value_name = "provider.toml")]
        profile: Option<PathBuf>,
        /// Module file or folder whose rules are told in words, beside those that this program carries; may be given again
        #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR")]
        policies: Vec<PathBuf>,
    },
    /// The filing number with a link to the published record (Art 26), for a conspicuous place
    ///
    /// Example: normgate report badge --profile provider.toml --lang zh --format html
    Badge {
        #[command(flatten)]
        provider: Provider,
        #[command(flatten)]
        look: Look,
    },
}

/// The file in which a provider says what it is.
#[derive(ClapArgs)]
pub(crate) struct Provider {
    /// What the provider says of itself and its algorithm, as TOML or JSON
    #[arg(long, value_name = "provider.toml")]
    profile: PathBuf,
}

/// How a report is written.
#[derive(ClapArgs)]
pub(crate) struct Look {
    /// Language
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    pub(crate) lang: Lang,
    /// Markdown, or one HTML file that needs nothing else
    #[arg(long, value_name = "FORMAT", default_value = "md")]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown
    Md,
    /// HTML
    Html,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FigureFormat {
    /// Markdown
    Md,
    /// HTML
    Html,
    /// JSON
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EventArg {
    /// The service began: filing within 10 working days
    Start,
    /// What was filed changed: filing of the change within 10 working days
    Change,
    /// The service ended: cancellation within 20 working days
    End,
    /// The authority has complete material: its decision within 30 working days
    Submit,
}

impl From<EventArg> for Event {
    fn from(event: EventArg) -> Self {
        match event {
            EventArg::Start => Self::Start,
            EventArg::Change => Self::Change,
            EventArg::End => Self::End,
            EventArg::Submit => Self::Submit,
        }
    }
}

impl Format {
    pub(crate) fn write(self, page: &Page) -> String {
        match self {
            Self::Md => page.to_markdown(),
            Self::Html => page.to_html(),
        }
    }
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Disclosure { provider, look, source } => {
            let profile = provider.read()?;
            let gate = source.build()?;
            let adopted = adopted(&source.config()?);
            match disclosure(&profile, &gate.policy_set(), source.day()?, &adopted, look.lang.into()) {
                Ok(page) => screen::page(&look.format.write(&page)),
                Err(problems) => return Ok(complain(&provider.profile, &problems)),
            }
        }
        Command::Filing { provider, calendar, event, on } => {
            let profile = provider.read()?;
            let days = calendar.iter().try_fold(Calendar::default(), |days, path| add(days, path))?;
            let days = (!calendar.is_empty()).then_some(days);
            let events: Vec<(Event, Day)> = event.zip(*on).map(|(event, on)| (event.into(), on)).into_iter().collect();
            match Filing::of(&profile, &events, days.as_ref()) {
                Ok(filing) => screen::json(&serde_json::to_string_pretty(&filing)?),
                Err(FilingError::Incomplete(problems)) => return Ok(complain(&provider.profile, &problems)),
                Err(error) => return Err(error.into()),
            }
        }
        Command::SelfAssessment { ledger, range, lang, format, profile, policies } => {
            let modules = at_hand(policies)?;
            let given = profile.as_deref().map(self::profile).transpose()?;
            let figures = figures(ledger, range)?;
            if *format == FigureFormat::Json {
                screen::json(&serde_json::to_string_pretty(&figures)?);
                return Ok(ExitCode::SUCCESS);
            }
            let manifests: Vec<_> = modules.into_iter().map(|module| module.manifest).collect();
            match figures.page(&manifests, given.as_ref(), (*lang).into()) {
                Ok(page) if *format == FigureFormat::Html => screen::page(&page.to_html()),
                Ok(page) => screen::page(&page.to_markdown()),
                // Only a profile lacks something.
                Err(problems) => return Ok(complain(profile.as_deref().unwrap_or(ledger), &problems)),
            }
        }
        Command::Badge { provider, look } => {
            let profile = provider.read()?;
            match Badge::of(&profile, look.lang.into()) {
                Ok(badge) if look.format == Format::Html => screen::page(&badge.to_html()),
                Ok(badge) => screen::page(&badge.to_markdown()),
                Err(problems) => return Ok(complain(&provider.profile, &problems)),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Provider {
    fn read(&self) -> Result<Profile> {
        profile(&self.profile)
    }
}

fn profile(path: &Path) -> Result<Profile> {
    let text = read(path)?;
    Profile::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// Counts what a ledger has on some days, after putting that on the record.
fn figures(ledger: &Path, range: &Range) -> Result<Assessment> {
    let history = history(ledger)?;
    note_access(&history, "report", &range.words(), 0, false, &Who { by: None })?;
    let progress = Progress::new();
    Ok(Assessment::of(&history, range.from, range.to, |lists| progress.show(format_args!("{lists} lists counted")))?)
}

/// The sector norms that the platform adopted.
fn adopted(config: &Config) -> Vec<String> {
    let norms = config.provider.get("norms_adopted").and_then(|norms| norms.as_array());
    norms.into_iter().flatten().filter_map(|norm| norm.as_str().map(str::to_owned)).collect()
}

fn add(mut days: Calendar, path: &Path) -> Result<Calendar> {
    days.add(&read(path)?).with_context(|| path.display().to_string())?;
    Ok(days)
}

/// One sentence for each field that is missing or wrong; nothing is written then.
fn complain(profile: &Path, problems: &[Problem]) -> ExitCode {
    for problem in problems {
        remark!("{}: {problem}", profile.display());
    }
    ExitCode::from(1)
}
