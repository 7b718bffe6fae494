//! `normgate new`: a norm's folder, complete and building, to be changed into the norm that is meant.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, ValueEnum};

use crate::author::project::{Project, replace};

/// Start a norm: a folder with a manifest, a rule, cases, and the SDK, which builds without a network and without our
/// repository.
///
/// Example: normgate new rider-hours --kind dispatch --authority riders-association
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Name of the folder, the policy and its pack: lower-case letters, digits and -
    #[arg(value_name = "NAME")]
    name: String,

    /// What the norm is about
    #[arg(long, value_enum, default_value_t = Kind::Content)]
    kind: Kind,

    /// Who issues it: the name that platforms grant rights to
    #[arg(long, value_name = "NAME", default_value = "association")]
    authority: String,
}

/// The rule that a norm starts from.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Items of a feed: what waits for the evening, what is shown less
    Content,
    /// Offers: a former price that nobody was asked for
    Price,
    /// Orders for workers: agreed hours
    Dispatch,
    /// The list as a whole: how many rows one author has among the first
    Slate,
}

impl Kind {
    /// The rest of policy.toml, the code, the cases.
    fn files(self) -> [&'static str; 3] {
        macro_rules! files {
            ($kind:literal) => {
                [
                    include_str!(concat!("../../templates/", $kind, "/policy.toml")),
                    include_str!(concat!("../../templates/", $kind, "/lib.rs")),
                    include_str!(concat!("../../templates/", $kind, "/cases.jsonl")),
                ]
            };
        }
        match self {
            Self::Content => files!("content"),
            Self::Price => files!("price"),
            Self::Dispatch => files!("dispatch"),
            Self::Slate => files!("slate"),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let Args { name, kind, authority } = args;
    for (what, text) in [("name", name), ("--authority", authority)] {
        if let Some(problem) = unfit(text) {
            bail!(
                "{what} `{text}` {problem}; use lower-case letters, digits and -, with a letter first, for example night-films"
            );
        }
    }
    let folder = PathBuf::from(name);
    if folder.exists() {
        bail!("{name} is there already; choose another name, or remove it first");
    }
    let [policy, code, cases] = kind.files();
    let fill = |text: &str| text.replace("{name}", name).replace("{authority}", authority);
    let head = include_str!("../../templates/common/head.toml");
    for (file, text) in [
        ("Cargo.toml", include_str!("../../templates/common/Cargo.toml.txt").to_owned()),
        ("Cargo.lock", include_str!("../../templates/common/Cargo.lock.txt").to_owned()),
        (".gitignore", include_str!("../../templates/common/gitignore").to_owned()),
        (".github/workflows/norm.yml", include_str!("../../templates/common/ci.yml").to_owned()),
        ("README.md", include_str!("../../templates/common/README.md").to_owned()),
        ("policy.toml", format!("{head}{policy}")),
        ("src/lib.rs", code.to_owned()),
        ("cases.jsonl", cases.to_owned()),
    ] {
        replace(&folder.join(file), &fill(&text))?;
    }
    Project::open(&folder)?.refresh().with_context(|| format!("the template of {name}"))?;
    say!("{name}/ is a norm of {authority}: policy.toml, src/lib.rs and cases.jsonl are yours to change.");
    say!("next: cd {name} && normgate build");
    Ok(ExitCode::SUCCESS)
}

/// What keeps a name from being a folder, a crate and a policy at once.
fn unfit(name: &str) -> Option<&'static str> {
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("does not begin with a lower-case letter");
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Some("has other characters");
    }
    if name.strip_prefix("art").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Some("begins as readings of the law do, which takes a grant");
    }
    // Names that cargo or the contract keep for themselves.
    let taken = ["host", "common", "all", "test", "core", "std", "alloc", "proc-macro", "normgate-sdk"];
    taken.contains(&name).then_some("is taken")
}
