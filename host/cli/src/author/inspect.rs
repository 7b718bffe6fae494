//! `normgate inspect`: what a module says of itself, read without running it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;
use normgate::contract::{Block, Effect, Manifest, ParameterType, Weight, concerns_in_words, dsa};
use normgate::{Module, embedded};
use serde_json::json;

use crate::judge::source::read_modules;
use crate::screen;

/// Show what a module says of itself: digest, size, imports, columns read, parameters, rules and their effects. Nothing of
/// the module runs. Without a file, shows the embedded set.
///
/// Example: normgate inspect art18 | less
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Module files or folders, or names of embedded modules such as art18
    #[arg(value_name = "MODULE.wasm|DIR|NAME")]
    modules: Vec<PathBuf>,

    /// Print JSON, one module a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut modules = if args.modules.is_empty() { embedded::arp() } else { Vec::new() };
    for path in &args.modules {
        let named: Vec<Module> =
            embedded::arp().into_iter().filter(|m| path.as_os_str() == m.manifest.module.as_str()).collect();
        if named.is_empty() { modules.extend(read_modules(path)?) } else { modules.extend(named) }
    }
    for (index, module) in modules.iter().enumerate() {
        if args.json {
            screen::json(&as_json(module));
        } else {
            if index > 0 {
                say!();
            }
            print(module);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(module: &Module) -> serde_json::Value {
    json!({
        "place": module.place, "digest": module.digest_text(), "size": module.bytes.len(), "imports": [],
        "columns": module.manifest.columns().map(|(name, _)| name).collect::<Vec<_>>(),
        "manifest": &*module.manifest,
    })
}

fn print(module: &Module) {
    let manifest: &Manifest = &module.manifest;
    say!("{}  {} · {}", manifest.reference(), manifest.title.en, manifest.title.zh);
    say!("  from      {}", module.place);
    say!("  digest    {}", module.digest_text());
    say!("  size      {} bytes", module.bytes.len());
    say!("  contract  {}", manifest.contract);
    say!("  imports   none");
    let day = |day: Option<normgate::contract::Day>| day.map_or("–".to_owned(), |day| day.to_string());
    say!("  in force  {} to {}", day(manifest.effective_from), day(manifest.effective_until));
    if let Some(issuer) = &manifest.issuer {
        say!("  issuer    {} · {}", issuer.en, issuer.zh);
    }
    if let Some(url) = &manifest.evidence_url {
        say!("  evidence  {url}");
    }
    if let Some(pack) = &manifest.pack {
        say!("  pack      {pack}: enforced where provider.norms_adopted names it, otherwise in shadow");
    }
    say!("  failure   {}", format!("{:?}", manifest.on_failure).to_lowercase());
    if !manifest.concerns.is_empty() {
        say!("  concerns  rows of which {}", concerns_in_words(&manifest.concerns));
    }
    say!("  reads");
    for (name, input) in manifest.columns() {
        let entries = if input.entries.is_empty() { String::new() } else { format!("  [{}]", input.entries.join(" ")) };
        say!("    {name}{entries}");
    }
    say!("  parameters");
    for parameter in &manifest.parameters {
        let bounds = match &parameter.kind {
            ParameterType::Integer { min, max, unit, .. } => format!("{min}..{max} {unit}"),
            ParameterType::Term { choices } => choices.join(" < "),
        };
        let owner = format!("{:?}", parameter.owner).to_lowercase();
        say!("    {} = {}  ({bounds}; {owner})", parameter.name, parameter.default);
    }
    say!("  rules");
    for rule in &manifest.rules {
        let effects: Vec<String> = rule.effects.iter().map(effect).collect();
        let modality = format!("{:?}", rule.modality).to_lowercase();
        say!("    {}  ({}; {modality})", rule.id, rule.basis);
        say!("      {}", effects.join(", "));
        if let Some(dsa) = dsa::dsa(rule) {
            let names: Vec<&str> = dsa.visibility.iter().copied().chain(dsa.account).chain([dsa.ground]).collect();
            say!("      DSA: {}", names.join(", "));
        }
        say!("      {}", rule.sentence.en);
        say!("      {}", rule.sentence.zh);
    }
}

/// An effect in a few words.
pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Label(label) => format!("label {label}"),
        Effect::Demote(Weight::Constant(ppm)) => format!("demote to {ppm} ppm"),
        Effect::Demote(Weight::Named(name)) => format!("demote to {name}"),
        Effect::Block(Block::None) => "block".into(),
        Effect::Block(Block::HumanReview) => "block until a person has looked".into(),
        Effect::Block(Block::LabelFirst) => "block until the label is shown".into(),
        Effect::Tag(action) => format!("tag {}", format!("{action:?}").to_lowercase()),
        Effect::Obligation(obligation) => format!("oblige {}", obligation.code),
        Effect::Veto(feature) => format!("veto {feature}"),
        Effect::Violation => "violation".into(),
        Effect::Promote => "promote".into(),
        Effect::Constraint(constraint) => format!("constraint {} {}", constraint.kind, constraint.codes.join(" ")),
    }
}
