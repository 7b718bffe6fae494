//! `normgate repo`: the publisher's side of a signed repository.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, Subcommand};
use normgate::contract::{Day, Vocabulary};
use normgate::{Config, Module};
use normgate_repo::keys::{Keyring, PublicKey};
use normgate_repo::names::{Duty, Kind, role_of};
use normgate_repo::publisher::{
    Added, Addition, Change, Progress, Published, Publisher, Shown, exported, sign_exported, state,
};
use normgate_repo::{Bounds, Checks, Release, examine};

use crate::judge::compile;
use crate::judge::source::artifacts;

/// Keep a repository of signed modules: a directory that any web server or disk carries.
///
/// Changes are staged, signed by whoever must, and published. docs/publishing.md goes from keys to a platform.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Begin a repository, and publish it if its keys are here
    Init {
        /// The directory
        repository: PathBuf,
        /// Folder of keys: root-1, root-2, …, targets, online. A key is made unless its .pub file is there
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// How many root keys there are
        #[arg(long, default_value_t = 3)]
        roots: usize,
        /// How many of them must sign
        #[arg(long, default_value_t = 2)]
        threshold: u64,
    },
    /// Let an association speak for namespaces, and stage its roles for it to sign
    Delegate {
        /// The directory
        repository: PathBuf,
        /// Name of the association
        association: String,
        /// Its public keys, for itself and its modules
        #[arg(long = "key", value_name = "NAME.pub", required = true)]
        own: Vec<PathBuf>,
        /// Its public keys for data bundles, where these differ
        #[arg(long = "data-key", value_name = "NAME.pub")]
        data_keys: Vec<PathBuf>,
        /// A namespace that it speaks for; may be given again. Without any, its own name
        #[arg(long = "namespace", value_name = "NAME")]
        namespaces: Vec<String>,
        /// How many of its keys must sign
        #[arg(long, default_value_t = 1)]
        threshold: u64,
        #[command(flatten)]
        hand: Hand,
    },
    /// Add a module with its cases, or a data bundle, to what its association signs
    Add {
        /// The directory
        repository: PathBuf,
        /// The module, or with --data the bundle
        file: PathBuf,
        /// The module's cases; without this, cases.jsonl beside it
        #[arg(long, value_name = "cases.jsonl")]
        cases: Option<PathBuf>,
        /// The file is a data bundle of this id
        #[arg(long, value_name = "NAMESPACE/NAME", requires = "bundle_version", conflicts_with = "cases")]
        data: Option<String>,
        /// Version of the bundle
        #[arg(long = "bundle-version", value_name = "VERSION", requires = "data")]
        bundle_version: Option<String>,
        /// First day on which it is used; until then the release before it stays
        #[arg(long, value_name = "YYYY-MM-DD")]
        effective_from: Option<Day>,
        /// First day on which it is no longer used
        #[arg(long, value_name = "YYYY-MM-DD")]
        effective_until: Option<Day>,
        /// Mark it urgent: an urgent release is held only beyond the wider bounds, where its grant says `urgent = true`
        #[arg(long)]
        urgent: bool,
        /// Its version is lower than the one before on purpose
        #[arg(long)]
        lower: bool,
        /// Withdraw what is announced for later; without this it is announced once more, after this one
        #[arg(long)]
        withdraw: bool,
        #[command(flatten)]
        hand: Hand,
    },
    /// Show all that a staged role says, and sign it; or carry it to a machine without a network and back
    ///
    /// Without --role and keys, shows everything that is staged. A root is signed by itself.
    Sign {
        /// The directory; with --exported, the folder that was carried away
        repository: PathBuf,
        /// The staged role to sign; may be given again. With --exported, the one role
        #[arg(long = "role", value_name = "ROLE", conflicts_with_all = ["export", "import"])]
        roles: Vec<String>,
        /// What the role has to be, as whoever staged it told you by another way than the folder: `repo sign --export` prints it
        #[arg(long, value_name = "DIGEST", requires = "exported")]
        sha256: Option<String>,
        /// Copy what is staged into this folder, to be signed elsewhere
        #[arg(long, value_name = "DIR", conflicts_with_all = ["import", "exported"])]
        export: Option<PathBuf>,
        /// Take the signatures of this folder over
        #[arg(long, value_name = "DIR", conflicts_with = "exported")]
        import: Option<PathBuf>,
        /// Show an exported folder, and sign one role of it, on a machine that has no repository
        #[arg(long)]
        exported: bool,
        #[command(flatten)]
        hand: Hand,
    },
    /// Publish what has signatures enough, under a new snapshot and timestamp, which are all that this command signs
    Publish {
        /// The directory
        repository: PathBuf,
        #[command(flatten)]
        hand: Hand,
    },
    /// Say once more that nothing newer exists: daily, or platforms call the repository stale
    Refresh {
        /// The directory
        repository: PathBuf,
        #[command(flatten)]
        hand: Hand,
    },
    /// Stage a role as it is, to be signed again before it expires
    Renew {
        /// The directory
        repository: PathBuf,
        /// root, targets, an association (with its two roles), or one of its two roles
        role: String,
        #[command(flatten)]
        hand: Hand,
    },
    /// Withdraw the delegation of an association
    Revoke {
        /// The directory
        repository: PathBuf,
        /// Name of the association
        association: String,
        #[command(flatten)]
        hand: Hand,
    },
    /// Give a role other keys
    Rotate {
        /// The directory
        repository: PathBuf,
        /// root, targets, online (snapshot and timestamp), an association (with its roles that have the same keys), or one of its
        /// two roles
        role: String,
        /// All public keys that it has from now on
        #[arg(long = "to", value_name = "NAME.pub", required = true)]
        to: Vec<PathBuf>,
        /// How many of them must sign; as many as before when it is left out
        #[arg(long)]
        threshold: Option<u64>,
        #[command(flatten)]
        hand: Hand,
    },
    /// Ship the release before once more, as a newer one
    Revert {
        /// The directory
        repository: PathBuf,
        /// Id of the module or bundle
        #[arg(value_name = "NAMESPACE/NAME")]
        id: String,
        /// Withdraw what is announced for later; without this it is announced once more, after this one
        #[arg(long)]
        withdraw: bool,
        #[command(flatten)]
        hand: Hand,
    },
    /// List what platforms will complain about, or soon would
    Lint {
        /// The directory
        repository: PathBuf,
    },
    /// Show who may ship what, what expires when, and what is staged
    Status {
        /// The directory
        repository: PathBuf,
    },
    /// Show what differs between two states
    Diff {
        /// A repository, or an earlier state of one
        #[arg(value_name = "DIR[@SNAPSHOT]")]
        before: String,
        /// Another
        #[arg(value_name = "DIR[@SNAPSHOT]")]
        after: String,
    },
}

/// The keys at hand.
#[derive(ClapArgs)]
struct Hand {
    /// A private key to sign with; may be given again
    #[arg(long = "keys", value_name = "NAME.pem")]
    keys: Vec<PathBuf>,
}

impl Hand {
    /// The keys, each named by its file: none signs because it lies there.
    fn keyring(&self) -> Result<Keyring> {
        if let Some(folder) = self.keys.iter().find(|path| path.is_dir()) {
            bail!("{}: a folder; name each key that is to sign by its file", folder.display());
        }
        Ok(Keyring::read(&self.keys)?)
    }
}

/// Shows and signs what was just staged, as far as the keys at hand may, and says what is missing.
fn sign(publisher: &Publisher, keys: &Keyring, staged: &[String]) -> Result<ExitCode> {
    let mut mine = Vec::new();
    for role in staged {
        for key in keys.public() {
            if publisher.may_sign(role, key)? && !mine.contains(&role.as_str()) {
                mine.push(role);
            }
        }
    }
    // A root is signed by itself; the others wait for `repo sign`.
    if mine.contains(&"root") {
        mine = vec!["root"];
    }
    for role in mine {
        let (shown, changes) = publisher.change(role)?;
        say!("signing {}: {}", shown.role, shown.head);
        changes.iter().for_each(show_change);
        publisher.sign_shown(&shown, keys)?;
    }
    show_progress(publisher)
}

/// Refuses to go on where somebody else staged something that these keys would sign along, unseen.
fn hold_own(publisher: &Publisher, place: &Path, keys: &Keyring, roles: &[String]) -> Result<()> {
    let others = publisher.staged_by_others(roles, keys)?;
    if others.is_empty() {
        return Ok(());
    }
    for (role, changes) in &others {
        remark!("{role} has staged changes that none of the keys given has signed:");
        changes.iter().map(in_line).for_each(|line| remark!("{line}"));
    }
    bail!(
        "nothing is staged or signed, since that would be signed too; look at it and sign it with `normgate repo sign {}{}`, and then \
         type this command again",
        place.display(),
        others.iter().map(|(role, _)| format!(" --role {role}")).collect::<String>()
    )
}

/// The roles of an association, those included that it delegates to.
fn roles_of(association: &str) -> Vec<String> {
    ["", "-modules", "-data"].iter().map(|duty| format!("{association}{duty}")).collect()
}

/// Signs the staged roles that were named, after showing all of each.
fn sign_named(publisher: &Publisher, keys: &Keyring, roles: &[String]) -> Result<ExitCode> {
    let named =
        if roles.is_empty() { publisher.progress()?.into_iter().map(|p| p.role).collect() } else { roles.to_vec() };
    let shown = named.iter().map(|role| publisher.shown(role)).collect::<Result<Vec<_>, _>>()?;
    shown.iter().for_each(show);
    if keys.public().next().is_none() {
        return show_progress(publisher);
    }
    if roles.is_empty() {
        bail!("say with --role which of these to sign; nothing is signed");
    }
    if roles.len() > 1 && roles.iter().any(|role| role == "root") {
        bail!("a root is signed by itself; give --role root alone");
    }
    for key in keys.public() {
        let of = roles.iter().map(|role| publisher.may_sign(role, key)).collect::<Result<Vec<_>, _>>()?;
        if !of.contains(&true) {
            bail!("the key {} is none of {}; nothing is signed", key.id(), roles.join(", "));
        }
    }
    shown.iter().try_for_each(|shown| publisher.sign_shown(shown, keys))?;
    show_progress(publisher)
}

/// Shows what was carried here, and signs the one role that is named, if it is what the signer was told.
fn sign_carried(folder: &Path, keys: &Keyring, roles: &[String], sha256: Option<&str>) -> Result<ExitCode> {
    let carried = exported(folder)?;
    carried.iter().filter(|shown| roles.is_empty() || roles.contains(&shown.role)).for_each(show);
    if keys.public().next().is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let ([role], Some(sha256)) = (roles, sha256) else {
        bail!("say with --role which role to sign, and with --sha256 what you were told that it is; nothing is signed");
    };
    let Progress { role, signed, threshold } = sign_exported(folder, role, sha256, keys)?;
    say!("{role}: {signed} of {threshold} signatures");
    Ok(ExitCode::SUCCESS)
}

fn show(shown: &Shown) {
    say!("{}: {}", shown.role, shown.head);
    for line in &shown.says {
        say!("  {line}");
    }
    say!("  sha256 of all this {}", shown.sha256);
}

fn show_change(change: &Change) {
    say!("{}", in_line(change));
}

fn in_line(change: &Change) -> String {
    match change {
        Change::Added(what) => format!("+ {what}"),
        Change::Removed(what) => format!("- {what}"),
    }
}

fn show_progress(publisher: &Publisher) -> Result<ExitCode> {
    for progress in publisher.progress()? {
        say!("{}", in_words(&progress));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(progress: &Progress) -> String {
    let Progress { role, signed, threshold } = progress;
    match progress.missing() {
        0 => format!("staged {role}: signed, ready to publish"),
        missing => format!("staged {role}: {signed} of {threshold} signatures, {missing} missing"),
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Init { repository, keys, roots, threshold } => {
            let publisher = Publisher::init(repository, keys, *roots, *threshold)?;
            let names = (1..=*roots).map(|number| format!("root-{number}.pem"));
            let names = names.chain(["targets.pem".to_owned(), "online.pem".to_owned()]);
            // A key whose public file alone is here is held by somebody else.
            let held: Vec<PathBuf> = names.map(|name| keys.join(name)).filter(|path| path.exists()).collect();
            let keyring = Keyring::read(&held)?;
            if publisher.sign(&keyring)?.iter().all(|progress| progress.missing() == 0) {
                said(&publisher.publish_signed(&keyring)?);
            } else {
                say!("staged; the holders of the root keys sign it, and `normgate repo publish` publishes it");
            }
            say!(
                "give platforms {} by another way than this repository",
                repository.join("metadata/1.root.json").display()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Delegate { repository, association, own, data_keys, namespaces, threshold, hand } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            let roles = [vec!["targets".to_owned()], roles_of(association)].concat();
            hold_own(&publisher, repository, &keys, &roles)?;
            publisher.delegate(association, namespaces, &public(own)?, &public(data_keys)?, *threshold)?;
            let staged = [vec!["targets".to_owned()], publisher.together(association)?].concat();
            sign(&publisher, &keys, &staged)
        }
        Command::Add {
            repository,
            file,
            cases,
            data,
            bundle_version,
            effective_from,
            effective_until,
            urgent,
            lower,
            withdraw,
            hand,
        } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
            let addition = Addition {
                effective_from: *effective_from,
                effective_until: *effective_until,
                urgent: *urgent,
                lower: *lower,
                withdraw: *withdraw,
            };
            let added = match (data, bundle_version) {
                (Some(id), Some(version)) => {
                    hold_own(&publisher, repository, &keys, &[publisher.role_for(id, Kind::Data)?])?;
                    publisher.add_data(id, version, &bytes, &addition)?
                }
                _ => {
                    let beside = file.with_file_name("cases.jsonl");
                    let cases = cases.as_ref().unwrap_or(&beside);
                    let text = std::fs::read_to_string(cases).with_context(|| {
                        format!("{}: a module travels with its cases, which platforms run", cases.display())
                    })?;
                    let id = try_out(file, &bytes, &text)?;
                    hold_own(&publisher, repository, &keys, &[publisher.role_for(&id, Kind::Module)?])?;
                    publisher.add_module(&file.display().to_string(), &bytes, &text, &addition)?
                }
            };
            say_added(&added);
            sign(&publisher, &keys, &[publisher.role_of(&added.file)?])
        }
        Command::Sign { repository, roles, sha256, export, import, exported, hand } => {
            let keys = hand.keyring()?;
            if *exported {
                return sign_carried(repository, &keys, roles, sha256.as_deref());
            }
            let publisher = Publisher::open(repository)?;
            if let Some(folder) = export {
                for Shown { role, sha256, .. } in publisher.export(folder)? {
                    say!("exported {role}  sha256 {sha256}");
                }
                return Ok(ExitCode::SUCCESS);
            }
            if let Some(folder) = import {
                say!("{} signatures taken over", publisher.import(folder)?);
                return show_progress(&publisher);
            }
            sign_named(&publisher, &keys, roles)
        }
        Command::Publish { repository, hand } => {
            said(&Publisher::open(repository)?.publish_signed(&hand.keyring()?)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Refresh { repository, hand } => {
            Publisher::open(repository)?.refresh(&hand.keyring()?)?;
            say!("refreshed");
            Ok(ExitCode::SUCCESS)
        }
        Command::Renew { repository, role, hand } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            let roles = publisher.together(role)?;
            hold_own(&publisher, repository, &keys, &roles)?;
            roles.iter().try_for_each(|role| publisher.renew(role))?;
            sign(&publisher, &keys, &roles)
        }
        Command::Revoke { repository, association, hand } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            let roles = ["targets".to_owned()];
            hold_own(&publisher, repository, &keys, &roles)?;
            publisher.revoke(association)?;
            sign(&publisher, &keys, &roles)
        }
        Command::Rotate { repository, role, to, threshold, hand } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            let threshold = threshold.map_or_else(|| publisher.threshold(role), Ok)?;
            let roles = match role_of(role) {
                _ if ["root", "targets", "online"].contains(&role.as_str()) => vec!["root".into(), "targets".into()],
                (association, Duty::Delegate) => [vec!["targets".to_owned()], roles_of(association)].concat(),
                (association, _) => vec![association.to_owned(), role.clone()],
            };
            hold_own(&publisher, repository, &keys, &roles)?;
            let staged = publisher.rotate(role, &public(to)?, threshold)?;
            sign(&publisher, &keys, &staged)
        }
        Command::Revert { repository, id, withdraw, hand } => {
            let (publisher, keys) = (Publisher::open(repository)?, hand.keyring()?);
            hold_own(&publisher, repository, &keys, &publisher.roles_with(id)?)?;
            let added = publisher.revert(id, *withdraw)?;
            say_added(&added);
            sign(&publisher, &keys, &[publisher.role_of(&added.file)?])
        }
        Command::Lint { repository } => {
            let sentences = Publisher::open(repository)?.lint()?;
            for sentence in &sentences {
                say!("{sentence}");
            }
            Ok(if sentences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
        Command::Status { repository } => status(&Publisher::open(repository)?),
        Command::Diff { before, after } => {
            let (from, version) = state(before)?;
            let (to, other) = state(after)?;
            from.changes(version, &to, other)?.iter().for_each(show_change);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn public(paths: &[PathBuf]) -> Result<Vec<PublicKey>> {
    paths.iter().map(|path| Ok(PublicKey::read(path)?)).collect()
}

/// Tries a module as a platform would, so that its publisher is the first to hear what is wrong. Says its id.
fn try_out(path: &Path, bytes: &[u8], cases: &str) -> Result<String> {
    let place = path.display().to_string();
    let module = Module::read(&place, bytes, Vocabulary::shipped())?;
    let everything = format!("[authorities.{}]\nbase = \"full\"", module.manifest.authority());
    let config = Config::parse(&everything)?;
    let bounds = Bounds::default();
    let checks = Checks { compiler: Arc::new(compile::in_child), artifacts, config, bounds, partial: false };
    examine(&module, cases.as_bytes(), &checks).map_err(anyhow::Error::msg).context(place)?;
    Ok(module.manifest.id.clone())
}

/// Says what was added, and what became of what had been announced for later.
fn say_added(Added { file, announced, withdrawn }: &Added) {
    say!("added {file}");
    let from = |release: &Release| release.effective_from.map(|day| day.to_string()).unwrap_or_default();
    for (file, release) in announced {
        say!("added {file}: {} stays announced for {}", release.version, from(release));
    }
    for (file, release) in withdrawn {
        say!("withdrawn {file}: {} was announced for {}", release.version, from(release));
    }
}

fn said(published: &Published) {
    say!("published {} under snapshot {}", published.roles.join(", "), published.snapshot);
    for progress in &published.waiting {
        say!("{}", in_words(progress));
    }
}

fn status(publisher: &Publisher) -> Result<ExitCode> {
    let report = publisher.report()?;
    if report.snapshot == 0 {
        say!("nothing is published yet");
    } else {
        say!("snapshot {}", report.snapshot);
    }
    for life in &report.roles {
        let keys: Vec<&str> = life.keys.iter().map(|id| &id[..id.len().min(12)]).collect();
        let may =
            if life.patterns.is_empty() { String::new() } else { format!("  may ship {}", life.patterns.join(", ")) };
        say!(
            "  {}  version {}  expires {}  {} of [{}]{may}",
            life.role,
            life.version,
            normgate_repo::day_at(life.expires_ms).map_or("never".into(), |day| day.to_string()),
            life.threshold,
            keys.join(" ")
        );
    }
    say!("a platform sees");
    for listed in report.files.iter().filter(|listed| listed.file.kind != Kind::Cases) {
        let Release { version, effective_from, effective_until, urgent, .. } = &listed.release;
        let from = effective_from.map(|day| format!("  from {day}")).unwrap_or_default();
        let until = effective_until.map(|day| format!("  until {day}")).unwrap_or_default();
        let urgent = if *urgent { "  urgent" } else { "" };
        say!("  {}  {version}{from}{until}{urgent}  signed by {}", listed.file, listed.role);
    }
    for progress in &report.staged {
        say!("{}", in_words(progress));
    }
    Ok(ExitCode::SUCCESS)
}
