//! What signal codes mean, in words: one code for `explain`, those of a sample for `check --readiness`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use normgate::contract::{Code, ColumnType, UNLISTED, Vocabulary, most_specific_entry};
use normgate::{Batch, Language, Module};

/// Whether somebody means a signal code: a capital letter and a digit, as in `L9` or `M1.danger`. No rule or decision is called so.
pub(crate) fn is_meant(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && bytes.next().is_some_and(|digit| digit.is_ascii_digit())
}

/// Says what a code means, where it stands, what it is not, and which modules read it.
pub(crate) fn explain(name: &str, modules: &[Module], language: Language) -> Result<()> {
    let vocabulary = Vocabulary::shipped();
    let Some(code) = vocabulary.signals.meaning(name).filter(|_| vocabulary.signals.accepts(name)) else {
        let letter = &name[..1];
        let known = vocabulary.signals.codes.iter().filter(|code| code.starts_with(letter) && !code.contains('.'));
        let known: Vec<&str> = known.map(String::as_str).collect();
        match known[..] {
            [] => bail!("there is no signal code `{name}`; codes begin with E, L, H or M"),
            _ => bail!("there is no signal code `{name}`; of {letter} there are {}", known.join(", ")),
        }
    };
    let line = |zh: &str, en: &str, text: &str| say!("  {}{text}", language.pick(format!("{zh}："), format!("{en}: ")));
    say!("{name}  {}", language.of(&code.meaning()));
    if code.code != name {
        line("未列出的下级代码，含义同", "not listed; it means what the code above it means", &code.code);
    }
    line("依据", "place", language.of(&code.place(vocabulary)));
    line("示例", "example", language.of(&code.example));
    line("界限", "what it is not", language.of(&code.not));
    line("未定", "not settled", language.of(&code.stated.open()));
    let readers = readers(name, modules);
    if !readers.is_empty() {
        line("适用模块", "read by", &readers.join(language.pick("、", ", ")));
    }
    Ok(())
}

/// The modules that read a code, and by which entry.
fn readers(name: &str, modules: &[Module]) -> Vec<String> {
    let mut readers = Vec::new();
    for manifest in modules.iter().map(|module| &module.manifest) {
        for (_, input) in manifest.columns().filter(|(_, input)| input.kind == ColumnType::Signals) {
            let entry = most_specific_entry(&input.entries, name);
            if let Some(entry) = entry.checked_sub(UNLISTED + 1).and_then(|entry| input.entries.get(usize::from(entry)))
            {
                readers.push(format!("{} ({entry})", manifest.module));
            }
        }
    }
    readers
}

/// How many rows and tags of a sample carry each code.
#[derive(Default)]
pub(crate) struct Sample(BTreeMap<String, u64>);

impl Sample {
    pub(crate) fn count(&mut self, batch: &Batch) {
        for (column, rows) in [("candidates.signals", batch.candidates()), ("tags.signals", batch.tags())] {
            for signals in (0..rows).map(|row| batch.json(column, row)) {
                for code in signals.as_array().into_iter().flatten().filter_map(|signal| signal["code"].as_str()) {
                    *self.0.entry(code.to_owned()).or_default() += 1;
                }
            }
        }
    }

    /// Prints each code with what it means, so that whoever sends it sees whether it was meant.
    pub(crate) fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        say!();
        say!("signal codes that were sent, and what each means (`normgate explain CODE` says more):");
        say!();
        let mut sorted: Vec<(&String, &u64)> = self.0.iter().collect();
        sorted.sort_by_key(|(code, times)| (std::cmp::Reverse(**times), *code));
        for (code, times) in sorted {
            let meaning = Vocabulary::shipped().signals.meaning(code).map(Code::meaning);
            say!("{times:>8}  {code}  {}", meaning.map_or(String::new(), |meaning| meaning.en));
        }
    }
}
