//! Taking one repository: verified, fetched, each new module tried. Nothing of the store changes here but its own copy of a datastore.
//!
//! What is wrong with the repository refuses it as a whole. What is wrong with one module costs that module alone: what was last
//! taken of it stays. Within its bounds of time and bytes, who was served least comes next, so that no association of a repository
//! uses up what the others need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use normgate::Module;
use normgate::contract::Day;
use tokio::sync::Semaphore;

use crate::charter::Listed;
use crate::client::{self, Verified};
use crate::error::{Error, Refusal, Result, at};
use crate::names::{FileName, Kind};
use crate::store::{Entry, Generation, Store, Trusted, days_of, read_module};
use crate::sync::Checks;
use crate::trial::{Unfit, try_out};
use crate::trust::Trust;

/// What one repository contributes.
#[derive(Clone, Default)]
pub(crate) struct Part {
    pub(crate) modules: Vec<Entry>,
    pub(crate) data: Vec<Entry>,
    pub(crate) loaded: BTreeMap<String, Module>,
    pub(crate) bundles: Vec<Vec<u8>>,
}

impl Part {
    /// What a generation has of a repository.
    pub(crate) fn of(generation: Option<&Generation>, repository: &str) -> Self {
        let Some(generation) = generation else { return Self::default() };
        let of = |entries: &[Entry]| entries.iter().filter(|entry| entry.repository == repository).cloned().collect();
        let modules: Vec<Entry> = of(&generation.modules);
        let loaded = modules
            .iter()
            .filter_map(|entry| Some((entry.digest.clone(), generation.module(entry)?.clone())))
            .collect();
        Self { modules, data: of(&generation.data), loaded, bundles: Vec::new() }
    }

    /// The release of a module that is in force on a day.
    fn in_force(&self, id: &str, day: Day) -> Option<&Entry> {
        let of_it = self.modules.iter().filter(|entry| entry.id == id && entry.says.in_force(day));
        of_it.max_by_key(|entry| entry.release)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.modules.iter().chain(&self.data)
    }
}

/// A repository as it would be taken.
pub(crate) struct Taken {
    pub(crate) part: Part,
    pub(crate) trusted: Trusted,
    pub(crate) expires_ms: i64,
    /// What a person should know.
    pub(crate) notices: Vec<String>,
    /// Files of it that are not taken, and why.
    pub(crate) refused: Vec<Error>,
}

/// What is still to be taken of one association, and what it has used.
#[derive(Default)]
struct Queue<'a> {
    waiting: VecDeque<&'a Listed>,
    spent: Duration,
    bytes: u64,
    files: usize,
    days: BTreeSet<Day>,
}

/// What taking one repository needs.
pub(crate) struct Taking<'a> {
    pub(crate) store: &'a Store,
    pub(crate) trust: &'a Trust,
    pub(crate) checks: &'a Checks,
    /// What was last taken of it.
    pub(crate) known: &'a Part,
    /// How many modules are tried at the same time, over all repositories.
    pub(crate) bench: &'a Semaphore,
}

impl Taking<'_> {
    /// Verifies the repository, and fetches what a platform needs of it.
    pub(crate) async fn take(&self) -> Result<Taken> {
        let Self { store, trust, checks, known, .. } = *self;
        let end = Instant::now() + checks.bounds.total;
        let today = crate::today().ok_or_else(|| at("the clock", "it stands outside of the calendar; set it"))?;
        let trusted = store.trusted(&trust.name)?;
        let (datastore, path) = store.copy_datastore(&trust.name, &trusted)?;
        let forgiven = store.forgive_clock(&format!("repositories/{}/{datastore}", trust.name))?;
        let verified = client::load(trust, &path, &trusted.floor, checks.bounds).await?;
        let mut taken = Taken {
            part: Part::default(),
            expires_ms: verified.expires_ms,
            notices: unheard(trust, &verified),
            refused: Vec::new(),
            trusted: Trusted { datastore: Some(datastore), floor: verified.versions.clone() },
        };
        taken.notices.extend(forgiven.map(|notice| format!("{}: {notice}", trust.name)));
        for refusal in &verified.refused {
            let Some(file) = FileName::parse(&refusal.file) else { continue };
            if !trust.authorities.contains(&file.namespace) {
                continue;
            }
            taken.refused.push(refusal.clone().into());
            // Where nothing is left of a line, what was last taken of it stays.
            let line = file.line();
            if verified.charter.files.iter().all(|listed| listed.file.line() != line) {
                let of_line = |entry: &&Entry| FileName::parse(&entry.file).is_some_and(|file| file.line() == line);
                known.entries().filter(of_line).for_each(|before| taken.part.keep(before, known));
            }
        }
        let ground = Ground { taking: self, verified: &verified, end };
        if trusted.datastore.is_none() && !trusted.floor.is_empty() {
            let name = &trust.name;
            taken.notices.push(format!("{name}: its floor was missing in the store; the one of the generations holds"));
        }
        let mut queues: BTreeMap<&str, Queue<'_>> = BTreeMap::new();
        for listed in self.needed(&verified.charter.files, today) {
            queues.entry(&listed.association).or_default().waiting.push_back(listed);
        }
        loop {
            let waiting = queues.values_mut().filter(|queue| !queue.waiting.is_empty());
            let Some(queue) = waiting.min_by_key(|queue| queue.spent) else { break };
            let Some(listed) = queue.waiting.pop_front() else { continue };
            let begin = Instant::now();
            let entry = Entry::of(listed, &trust.name);
            let done = ground.one(listed, &entry, queue, &mut taken.part).await;
            queue.spent += begin.elapsed();
            match done {
                Ok(()) => continue,
                Err(Unfit::Beyond(why)) => taken.notices.push(refuse(&entry, why).to_string()),
                Err(Unfit::Wrong(why)) => taken.refused.push(refuse(&entry, why)),
            }
            // What was last taken of it stays, as long as it is listed.
            for before in known.entries().filter(|before| before.id == entry.id) {
                let listed = verified.charter.files.iter().any(|listed| before.is(listed));
                if listed && !taken.part.entries().any(|there| there == before) {
                    taken.part.keep(before, known);
                }
            }
        }
        // In the order of their names, whatever the order in which they were tried.
        taken.part.modules.sort_by(|a, b| (&a.id, a.release).cmp(&(&b.id, b.release)));
        taken.part.data.sort_by(|a, b| (&a.id, a.release).cmp(&(&b.id, b.release)));
        Ok(taken)
    }

    /// Of each id that the repository may speak for: the highest release in force, and those to come. What is known comes first.
    fn needed<'l>(&self, files: &'l [Listed], today: Day) -> Vec<&'l Listed> {
        let authorities = &self.trust.authorities;
        let may = |listed: &&Listed| listed.file.kind != Kind::Cases && authorities.contains(&listed.file.namespace);
        let over = |listed: &&Listed| listed.release.effective_until.is_some_and(|until| until <= today);
        let mut current: BTreeMap<(String, Kind), u64> = BTreeMap::new();
        for listed in files.iter().filter(may).filter(|listed| listed.release.in_force(today)) {
            let highest = current.entry((listed.file.id(), listed.file.kind)).or_default();
            *highest = listed.file.release.max(*highest);
        }
        let wanted = |listed: &&Listed| {
            let highest = current.get(&(listed.file.id(), listed.file.kind)).copied().unwrap_or(0);
            !over(listed) && listed.file.release >= highest
        };
        let mut needed: Vec<&Listed> = files.iter().filter(may).filter(wanted).collect();
        let unknown = |listed: &Listed| !self.known.entries().any(|known| known.is(listed));
        needed.sort_by_key(|listed| unknown(listed));
        needed
    }
}

/// A repository that was verified, and until when its files are fetched.
struct Ground<'a> {
    taking: &'a Taking<'a>,
    verified: &'a Verified,
    end: Instant,
}

impl Ground<'_> {
    /// Takes one file, within what its association may still use.
    async fn one(&self, listed: &Listed, entry: &Entry, queue: &mut Queue<'_>, part: &mut Part) -> Result<(), Unfit> {
        let Taking { known, checks: Checks { bounds, .. }, .. } = *self.taking;
        queue.files += 1;
        queue.bytes = queue.bytes.saturating_add(listed.length);
        if queue.files > bounds.files {
            return Err(Unfit::Wrong(format!("{} has more than {} files to be taken", entry.authority, bounds.files)));
        }
        if queue.bytes > bounds.altogether {
            let why = format!(
                "with it, what is to be taken of {} is larger than {} bytes",
                entry.authority, bounds.altogether
            );
            return Err(Unfit::Wrong(why));
        }
        if known.entries().any(|known| known == entry) {
            let module = known.loaded.get(&entry.digest);
            queue.days.extend(module.into_iter().flat_map(|module| days_of(&module.manifest)).chain(entry.says.days()));
            part.keep(entry, known);
            return Ok(());
        }
        self.in_time()?;
        match listed.file.kind {
            Kind::Data => self.bundle(listed, entry, part).await,
            _ => self.module(listed, entry, queue, part).await,
        }
    }

    fn in_time(&self) -> Result<(), Unfit> {
        if Instant::now() < self.end {
            return Ok(());
        }
        let total = self.taking.checks.bounds.total;
        Err(Unfit::Wrong(format!("the repository took longer than {total:?}; the next sync goes on here")))
    }

    async fn bundle(&self, listed: &Listed, entry: &Entry, part: &mut Part) -> Result<(), Unfit> {
        let wrong = |error: Error| Unfit::Wrong(error.to_string());
        if self.taking.store.object("data", &entry.digest).map_err(wrong)?.is_none() {
            part.bundles.push(self.fetch(listed).await?);
        }
        part.data.push(entry.clone());
        Ok(())
    }

    async fn module(
        &self,
        listed: &Listed,
        entry: &Entry,
        queue: &mut Queue<'_>,
        part: &mut Part,
    ) -> Result<(), Unfit> {
        let Taking { trust, checks, known, bench, .. } = *self.taking;
        let today = crate::today().unwrap_or(Day::containing(0));
        let first = entry.says.effective_from.unwrap_or(today).max(today);
        if let Some(before) = known.in_force(&entry.id, first)
            && before.release < entry.release
            && entry.says.number() < before.says.number()
            && !entry.says.lowers
        {
            return Err(Unfit::Wrong(format!(
                "version {} is lower than {}, which is in force; its publisher adds it with --lower, if that is meant",
                entry.says.version, before.says.version
            )));
        }
        let bytes = self.fetch(listed).await?;
        let module = as_signed(entry, &bytes).map_err(Unfit::Wrong)?;
        let prefix = &module.manifest.module;
        let before = known.in_force(&entry.id, first).and_then(|before| known.loaded.get(&before.digest));
        if let Some(before) = before.filter(|before| before.manifest.module != *prefix) {
            let known = &before.manifest.module;
            let why = format!(
                "its rules begin with `{prefix}`, and those of the version before with `{known}`; a policy keeps its prefix"
            );
            return Err(Unfit::Wrong(why));
        }
        let bounds = checks.bounds;
        queue.days.extend(entry.says.days().into_iter().chain(days_of(&module.manifest)));
        queue.days.retain(|day| *day > today);
        if queue.days.len() > bounds.days {
            let why =
                format!("with it, {} changes on more than {} days; fewer are taken", entry.authority, bounds.days);
            return Err(Unfit::Wrong(why));
        }
        let cases = self.verified.charter.cases_of(listed).map_err(Unfit::Wrong)?;
        let text = self.fetch(cases).await?;
        // It is never closed.
        let _place = bench.acquire().await;
        self.in_time()?;
        try_out(&module, &text, checks)?;
        tracing::info!(repository = %trust.name, id = %entry.id, release = entry.release, "tried and found good");
        part.loaded.insert(entry.digest.clone(), module);
        part.modules.push(entry.clone());
        Ok(())
    }

    async fn fetch(&self, listed: &Listed) -> Result<Vec<u8>, Unfit> {
        self.verified.fetch(listed, self.end).await.map_err(Unfit::Wrong)
    }
}

/// Reads a module, and holds it against what was signed of it.
pub(crate) fn as_signed(entry: &Entry, bytes: &[u8]) -> Result<Module, String> {
    let module = read_module(entry, bytes).map_err(|error| error.to_string())?;
    let manifest = &module.manifest;
    if manifest.id != entry.id {
        return Err(format!("its manifest says `{}`; a module is shipped under its own name", manifest.id));
    }
    if manifest.version != entry.says.version {
        let (inside, signed) = (&manifest.version, &entry.says.version);
        return Err(format!("its manifest says version {inside}, and what was signed {signed}"));
    }
    Ok(module)
}

impl Part {
    /// Keeps an entry of another part, with its module.
    fn keep(&mut self, entry: &Entry, from: &Self) {
        match from.loaded.get(&entry.digest) {
            Some(module) => {
                self.loaded.insert(entry.digest.clone(), module.clone());
                self.modules.push(entry.clone());
            }
            None => self.data.push(entry.clone()),
        }
    }
}

fn unheard(trust: &Trust, verified: &Verified) -> Vec<String> {
    let mut unheard = BTreeSet::new();
    for (association, namespaces) in &verified.charter.associations {
        for namespace in namespaces.iter().filter(|namespace| !trust.authorities.contains(namespace)) {
            unheard.insert(format!(
                "{}: it speaks for `{namespace}` through {association}, and nothing of that is taken; to take it, list it under `authorities`",
                trust.name
            ));
        }
    }
    unheard.into_iter().collect()
}

fn refuse(entry: &Entry, why: String) -> Error {
    let Entry { repository, authority, role, file, .. } = entry.clone();
    Refusal { repository, authority, role, file, why }.into()
}
