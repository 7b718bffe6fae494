//! `normgate explain`: a decision, a rule or a signal code in words.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args as ClapArgs, ValueEnum};
use normgate::contract::{Audience, Block, Rule, Vocabulary};
use normgate::{Action, Backend, HOST_FAILURE, HOST_INPUT, Language, Outcome, RuleRef, Verdict};

use normgate_ledger::Replay;
use normgate_report::{Dossier, statement};

use crate::account::lookup::{Who, note_access};
use crate::account::opened::history;
use crate::account::report::Format;
use crate::judge::codes;
use crate::judge::eval::Lang;
use crate::judge::requests::{Requests, complain};
use crate::judge::source::{Source, judging_again};
use crate::screen;

/// Say in words what was decided and why: one sentence a reason, with whom it speaks to, on whose account the rule stands
/// (required, recommended, or set by the platform), and what the addressee can do. With rule ids, says what these rules say; with signal codes,
/// what each means, where it stands, and what it is not.
///
/// With a ledger and a decision id, tells one recorded decision to whom it concerns, with a receipt.
///
/// Examples: normgate explain art18.tip; normgate explain L9 --lang zh; normgate explain -i request.jsonl --lang zh --candidate c7;
/// normgate explain 4f0c… --ledger decisions --lang zh --to viewer
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Rules or signal codes to put in words
    #[arg(value_name = "RULE|CODE|ID", required_unless_present = "input")]
    rules: Vec<String>,

    /// Explain a decision that this ledger recorded, by its id
    #[arg(long, value_name = "DIR", conflicts_with = "input")]
    ledger: Option<PathBuf>,

    /// Whom a recorded decision is told to; an officer reads what is said to anybody
    #[arg(long, value_name = "READER", requires = "ledger", default_value = "viewer")]
    to: Reader,

    /// How the statement on a recorded decision is written
    #[arg(long, value_name = "FORMAT", requires = "ledger", default_value = "md")]
    format: Format,

    /// Judge these requests and explain the decisions; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl", conflicts_with = "rules")]
    input: Option<PathBuf>,

    /// Explain this candidate only
    #[arg(long, value_name = "ID")]
    candidate: Option<String>,

    /// Language
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Lang,

    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(ledger) = &args.ledger {
        return recorded(args, ledger);
    }
    let words = Words(args.lang.into());
    let Some(input) = &args.input else {
        let modules = args.source.modules()?;
        for (index, id) in args.rules.iter().enumerate() {
            if index > 0 {
                say!();
            }
            if codes::is_meant(id) {
                codes::explain(id, &modules, args.lang.into())?;
                continue;
            }
            let Some(rule) = modules.iter().flat_map(|module| &module.manifest.rules).find(|rule| rule.id == *id)
            else {
                let code = Vocabulary::shipped().signals.codes.iter().find(|code| code.eq_ignore_ascii_case(id));
                let meant = code.map_or(String::new(), |code| format!("; did you mean the signal code {code}?"));
                bail!("there is no rule `{id}` in the loaded modules; `normgate inspect` lists them{meant}");
            };
            say!("{id}");
            words.rule(rule, "  ");
        }
        return Ok(ExitCode::SUCCESS);
    };
    let gate = args.source.build()?;
    let mut requests = Requests::open(input, gate.reader())?;
    let (mut refused, mut absent) = (false, args.candidate.as_deref());
    while let Some(request) = requests.next()? {
        match request {
            Ok(batch) => {
                let outcome = gate.evaluate(&batch);
                let is_there =
                    |id: &str| outcome.verdicts.iter().any(|verdict| outcome.candidate_id(verdict.row) == id);
                absent = absent.filter(|id| !is_there(id));
                words.outcome(&outcome, args.candidate.as_deref());
            }
            Err(error) => {
                refused = true;
                complain(requests.number, &error);
            }
        }
    }
    if let Some(id) = absent {
        bail!("no candidate `{id}` is in {}", input.display());
    }
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Tells one recorded decision. Values come from judging it again, where its input is kept.
fn recorded(args: &Args, ledger: &Path) -> Result<ExitCode> {
    let [id] = &args.rules[..] else { bail!("give the id of one decision") };
    let history = history(ledger)?;
    let modules = args.source.modules()?;
    let (recorded, set) = history.decision(id)?;
    let Some(answer) = recorded.answer()? else {
        bail!("the key of decision {id} is gone: it can be proven, and not read")
    };
    if let Some(id) = args.candidate.as_deref().filter(|id| answer.verdicts.iter().all(|row| row.id != *id)) {
        bail!("no candidate `{id}` is in this decision");
    }
    let outcome = Replay::new(&modules, || judging_again(Backend::Native), 1).outcome(&recorded, &set)?;
    let leaf = history.receipt(&recorded.record.to_string())?;
    note_access(&history, "explain", id, 1, true, &Who { by: None })?;
    let outcome = outcome.as_ref().map(|(_, outcome)| outcome);
    let dossier = Dossier { recorded: &recorded, answer: &answer, set: &set, modules: &modules, outcome, leaf: &leaf };
    let page = statement(&dossier, args.to.into(), args.candidate.as_deref(), args.lang.into());
    screen::page(&args.format.write(&page));
    Ok(ExitCode::SUCCESS)
}

/// Who reads a statement.
#[derive(Clone, Copy, ValueEnum)]
enum Reader {
    /// Who saw the list
    Viewer,
    /// Who made the item
    Author,
    /// Who is offered the work
    Worker,
    /// Who sells
    Merchant,
    /// The platform's officer for complaints
    Officer,
}

impl From<Reader> for Audience {
    fn from(reader: Reader) -> Self {
        match reader {
            Reader::Viewer => Self::Viewer,
            Reader::Author => Self::Author,
            Reader::Worker => Self::Worker,
            Reader::Merchant => Self::Merchant,
            Reader::Officer => Self::Officer,
        }
    }
}

/// Sentences in one language.
pub(crate) struct Words(pub(crate) Language);

impl Words {
    fn say<'t>(&self, en: &'t str, zh: &'t str) -> &'t str {
        self.0.pick(zh, en)
    }

    pub(crate) fn outcome(&self, outcome: &Outcome, only: Option<&str>) {
        for verdict in &outcome.verdicts {
            let id = outcome.candidate_id(verdict.row);
            if only.is_some_and(|only| only != id) {
                continue;
            }
            let reasons = outcome.reasons(verdict);
            if reasons.is_empty() && only.is_none() {
                continue;
            }
            say!("{id}: {}", self.verdict(verdict));
            for reason in reasons {
                self.reason(outcome, reason.rule);
            }
        }
        for (row, tag) in outcome.tags.iter().enumerate().filter(|(_, tag)| only.is_none() && !tag.reasons.is_empty()) {
            let id = outcome.tag_id(row as u32);
            say!("{} {id}: {}", self.say("tag", "标签"), self.say("no longer used", "不再使用"));
            for (rule, ..) in &tag.reasons {
                self.reason(outcome, *rule);
            }
        }
        for notice in &outcome.notices {
            say!("{}: {}", notice.code, notice.message);
        }
    }

    fn verdict(&self, verdict: &Verdict) -> &'static str {
        match (verdict.judgement.action(), Outcome::hold(verdict)) {
            (Action::Allow, _) => self.say("shown", "展示"),
            (Action::Label, _) => self.say("shown with a label", "加标识后展示"),
            (Action::Demote, _) => self.say("shown lower", "降低排序"),
            (Action::Block, Block::None) => self.say("not shown", "不展示"),
            (Action::Block, Block::HumanReview) => self.say("not shown until a person has looked", "待人工审核"),
            (Action::Block, Block::LabelFirst) => self.say("not shown until its label is", "待加标识"),
        }
    }

    fn reason(&self, outcome: &Outcome, rule: RuleRef) {
        let set = outcome.policy_set();
        let policy = set.policy_reference(rule.policy);
        let of = if policy.is_empty() { String::new() } else { format!("  ({policy})") };
        say!("  {}{of}", set.rule_id(rule));
        match set.rule(rule) {
            Some(rule) => self.rule(rule, "    "),
            None if rule.rule == HOST_FAILURE => say!(
                "    {}",
                self.say(
                    "The module that judges this could not be asked, so the item waits; nobody found anything wrong with it.",
                    "负责判定的模块暂时无法运行，该内容暂缓展示；并未认定其存在问题。"
                )
            ),
            None if rule.rule == HOST_INPUT => say!(
                "    {}",
                self.say(
                    "What the platform sent of this item is not legal, so it was not judged and is not shown; the notices say what is wrong.",
                    "平台提交的该内容数据有误，无法判定，故不予展示；具体错误见通知。"
                )
            ),
            None => {}
        }
    }

    fn rule(&self, rule: &Rule, indent: &str) {
        say!("{indent}{}{}", self.audience(rule.audience), self.0.of(&rule.sentence));
        let standing = rule.standing_text(Vocabulary::shipped());
        say!("{indent}{}{}", self.say("why: ", "依据："), self.0.of(&standing));
        say!("{indent}{}{}", self.say("what to do: ", "救济："), self.0.of(&rule.remedy));
    }

    fn audience(&self, audience: Audience) -> &'static str {
        match audience {
            Audience::Viewer => self.say("to the viewer: ", "致用户："),
            Audience::Author => self.say("to the author: ", "致作者："),
            Audience::Worker => self.say("to the worker: ", "致劳动者："),
            Audience::Merchant => self.say("to the merchant: ", "致商家："),
            Audience::Officer => self.say("to the officer in charge: ", "致负责人员："),
        }
    }
}
