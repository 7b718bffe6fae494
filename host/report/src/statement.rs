//! A recorded decision in words (Art 17 ¶3, 22): what was decided, by which rule of which article, on which data, since when, and
//! how to object; for one kind of reader, with a receipt.

use std::collections::HashMap;

use normgate::contract::{Audience, Block, ColumnType, Manifest, Rule, TagAction, Vocabulary};
use normgate::{Action, Cause, Language, Module, Outcome, RuleRef, SetDescription, Target, Words};
use normgate_ledger::{Answer, Because, Recorded, RowAnswer};
use serde_json::{Map, Value};

use crate::page::{Cell, Page};
use crate::phrases::{self, moment};

/// A recorded decision with all that explaining it takes.
pub struct Dossier<'t> {
    /// The record.
    pub recorded: &'t Recorded,
    /// Its answer.
    pub answer: &'t Answer<'t>,
    /// The policy set that decided.
    pub set: &'t SetDescription,
    /// Modules at hand; those of the set are found by digest.
    pub modules: &'t [Module],
    /// What judging it again gave; none where its input is not kept. Only it tells the values that a reason rests on.
    pub outcome: Option<&'t Outcome>,
    /// Hash of the record's leaf in the log.
    pub leaf: &'t str,
}

/// What a reason is about, and the values that it rests on.
type Evidence = HashMap<(String, Option<String>), Map<String, Value>>;

/// The statement to one kind of reader, on one candidate or on everything. An officer reads what is said to anybody.
pub fn statement(dossier: &Dossier<'_>, to: Audience, candidate: Option<&str>, language: Language) -> Page {
    let decided = |module: &&Module| {
        let digest = module.digest_text();
        dossier.set.policies.iter().any(|policy| policy.digest == digest)
    };
    let manifests =
        dossier.modules.iter().filter(decided).map(|module| (module.manifest.reference(), &*module.manifest));
    let (manifests, evidence) = (manifests.collect(), evidence(dossier.outcome));
    let statement = Statement { dossier, manifests, to, evidence, language };
    let mut page = Page::new(language, language.pick("算法推荐决定说明", "Why this list is as it is"));
    statement.head(&mut page);
    statement.rows(&mut page, candidate);
    if candidate.is_none() {
        statement.tags(&mut page);
        statement.owed(&mut page);
    }
    statement.objection(&mut page);
    statement.receipt(&mut page);
    page
}

struct Statement<'t> {
    dossier: &'t Dossier<'t>,
    /// The manifests of the modules that decided, by `<id>@<version>`.
    manifests: HashMap<String, &'t Manifest>,
    to: Audience,
    evidence: Evidence,
    language: Language,
}

impl Statement<'_> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.language.pick(zh, en)
    }

    fn head(&self, page: &mut Page) {
        let Dossier { recorded, answer, set, outcome, .. } = self.dossier;
        let surface = recorded.facets.as_ref().and_then(|facets| facets.surface.as_deref());
        let mut facts = vec![(self.say("决定时间", "Decided"), Cell::from(moment(recorded.ms, self.language)))];
        facts.extend(
            surface.map(|surface| {
                (self.say("页面", "Where"), Cell::from(Words::shipped().surface(surface, self.language)))
            }),
        );
        facts.push((
            self.say("是否适用算法推荐管理规定", "Covered by the Provisions"),
            Cell::from(if answer.scope == "in" { self.say("适用", "yes") } else { self.say("不适用", "no") }),
        ));
        facts.push((self.say("规则集", "Rules"), Cell::Code(set.policy_set.clone())));
        page.facts(facts);
        if recorded.personal.is_none() {
            page.note(self.say(
                "其中的个人信息已删除,故以下不列出所依据的具体数值。",
                "Its personal data were erased. The values that it rests on are not listed.",
            ));
        } else if outcome.is_none() {
            page.note(self.say(
                "该次请求的数据未完整留存,仅留存决定结果与输入摘要,故以下不列出所依据的具体数值。",
                "The data of this request were not kept, only the decision and a hash of the input: the values that it rests on are not listed.",
            ));
        }
    }

    fn rows(&self, page: &mut Page, candidate: Option<&str>) {
        let about = |row: &&RowAnswer<'_>| candidate.map_or(!row.reasons.is_empty(), |id| row.id == id);
        let told: Vec<&RowAnswer<'_>> = self.dossier.answer.verdicts.iter().filter(about).collect();
        for row in &told {
            let reasons: Vec<&Because<'_, _>> = row.reasons.iter().filter(|reason| self.speaks_to(reason)).collect();
            if reasons.is_empty() && candidate.is_none() {
                continue;
            }
            page.heading(format!("{}:{}", row.id, self.verdict(row)));
            if row.reasons.is_empty() {
                page.paragraph(self.say("没有规则对该内容提出要求。", "No rule asked for anything here."));
            } else if reasons.is_empty() {
                page.paragraph(self.say(
                    "原因由其他规则向其他当事人说明。",
                    "The reasons are told to somebody else whom they concern.",
                ));
            }
            for reason in reasons {
                self.reason(page, reason, Some(&row.id));
            }
        }
        if told.is_empty() && candidate.is_some() {
            page.paragraph(self.say("该内容不在此列表中。", "It was not in this list."));
        } else if told.is_empty() {
            page.paragraph(
                self.say("没有规则对列表中的内容提出要求。", "No rule asked for anything of the items in this list."),
            );
        }
    }

    fn tags(&self, page: &mut Page) {
        for tag in &self.dossier.answer.tags {
            let reasons: Vec<&Because<'_, _>> = tag.reasons.iter().filter(|reason| self.speaks_to(reason)).collect();
            if reasons.is_empty() {
                continue;
            }
            let becomes = match tag.action {
                TagAction::Delete => self.say("将被删除", "is deleted"),
                TagAction::Suppress => self.say("本次未使用", "was not used"),
                TagAction::Keep => self.say("保留", "is kept"),
            };
            page.heading(
                self.language
                    .pick(format!("标签 {}:{becomes}", tag.tag_id), format!("Your tag {}: it {becomes}", tag.tag_id)),
            );
            for reason in reasons {
                self.reason(page, reason, Some(&tag.tag_id));
            }
        }
    }

    /// What the platform owes and must leave out, to whomever its rule speaks.
    fn owed(&self, page: &mut Page) {
        let words = Words::shipped();
        let mut lines: Vec<Cell> = Vec::new();
        for owed in self
            .dossier
            .answer
            .obligations
            .iter()
            .filter(|owed| owed.target.is_none() && self.rule_speaks_to(&owed.rule))
        {
            lines.push(Cell::Line(vec![
                words.obligation(&owed.code, self.language).into(),
                " ".into(),
                Cell::Code(owed.rule.to_string()),
            ]));
        }
        for veto in self.dossier.answer.vetoes.iter().filter(|veto| self.rule_speaks_to(&veto.rule)) {
            let text = match veto.feature.strip_prefix("tag:") {
                Some(tag) => {
                    self.language.pick(format!("不得依据标签 {tag} 推荐"), format!("must not use the tag {tag}"))
                }
                None => words.veto(&veto.feature, self.language).to_owned(),
            };
            lines.push(Cell::Line(vec![text.into(), " ".into(), Cell::Code(veto.rule.to_string())]));
        }
        if !lines.is_empty() {
            page.heading(self.say("平台应当做到", "What the platform has to do"));
            page.paragraph(Cell::Lines(lines));
        }
    }

    fn objection(&self, page: &mut Page) {
        page.heading(self.say("如何提出异议", "How to object"));
        page.paragraph(self.say(
            "可通过平台的申诉入口提出申诉,平台应当在其公布的时限内处理并反馈(《互联网信息服务算法推荐管理规定》第二十二条);对个人权益有重大影响的决定,可要求说明并由人工处理(第十七条第三款)。",
            "Complain to the platform: it must handle complaints and answer within the time that it has published (Algorithmic Recommendation Management Provisions, Art 22). Of a decision with major impact on your rights you may ask an explanation and a person (Art 17 ¶3).",
        ));
        page.paragraph(self.say(
            "任何人均可向违法和不良信息举报中心举报:电话 12377。",
            "Anybody may report illegal and harmful information to the authority's centre: telephone 12377.",
        ));
    }

    fn receipt(&self, page: &mut Page) {
        page.heading(self.say("凭据", "Receipt"));
        page.facts([
            (self.say("决定编号", "Decision"), Cell::Code(self.dossier.answer.decision_id.to_string())),
            (self.say("记录哈希", "Record"), Cell::Code(self.dossier.leaf.to_owned())),
        ]);
    }

    /// One reason: its sentence, the data, the article, since when, and what the addressee can do.
    fn reason<E>(&self, page: &mut Page, reason: &Because<'_, E>, target: Option<&str>) {
        let Some((manifest, rule)) = self.rule(&reason.policy, &reason.rule) else {
            if reason.rule == "host.input" {
                page.paragraph(self.say(
                    "平台提交的该内容数据有误，无法判定，故不予展示；并未认定其存在问题。",
                    "What the platform sent of this item is not legal, so it was not judged and is not shown; nobody found anything wrong with it.",
                ));
                return;
            }
            page.paragraph(self.say(
                "负责判定的模块暂时无法运行,该内容暂缓展示;并未认定其存在问题。",
                "The module that judges this could not be asked, so the item waits; nobody found anything wrong with it.",
            ));
            return;
        };
        page.paragraph(self.language.of(&rule.sentence));
        let mut facts = vec![
            (self.say("依据", "Ground"), Cell::from(self.language.of(&rule.standing_text(Vocabulary::shipped())))),
            (self.say("性质", "Standing"), Cell::from(phrases::standing(rule.standing(), self.language))),
            (
                self.say("规则", "Rule"),
                Cell::Line(vec![Cell::Code(rule.id.clone()), " ".into(), Cell::Code(reason.policy.to_string())]),
            ),
        ];
        facts.extend(
            rule.effective_from
                .or(manifest.effective_from)
                .map(|day| (self.say("施行日期", "In force since"), Cell::from(day.to_string()))),
        );
        if reason.cause == Cause::MissingInput {
            facts.push((
                self.say("原因", "Because"),
                Cell::from(
                    self.say("缺少信息,按未知从严处理", "something was not known, and was taken for the stricter"),
                ),
            ));
        }
        let data = self.data(rule, target);
        if !data.is_empty() {
            facts.push((self.say("所依据的数据", "Data"), Cell::Lines(data)));
        }
        facts.push((self.say("您可以", "What you can do"), Cell::from(self.language.of(&rule.remedy))));
        page.facts(facts);
    }

    /// The values that a reason rests on. What is about the user is shown to the user and to an officer, and to nobody else.
    fn data(&self, rule: &Rule, target: Option<&str>) -> Vec<Cell> {
        let values = self.evidence.get(&(rule.id.clone(), target.map(str::to_owned)));
        let own = matches!(self.to, Audience::Viewer | Audience::Worker | Audience::Officer);
        let shown = values.into_iter().flatten().filter(|(name, value)| {
            let personal = Vocabulary::shipped().column(name).is_some_and(|(_, column)| column.personal);
            !value.is_null() && (own || !personal)
        });
        let line = |(name, value): (&String, &Value)| {
            let word = Words::shipped().column(name, self.language);
            let head = if word == name { Cell::Code(name.clone()) } else { Cell::from(word) };
            Cell::Line(vec![head, ": ".into(), Cell::Code(readable(name, value))])
        };
        shown.map(line).collect()
    }

    fn verdict(&self, row: &RowAnswer<'_>) -> &'static str {
        match (row.action, row.hold) {
            (Action::Allow, _) => self.say("展示", " shown"),
            (Action::Label, _) => self.say("加标识后展示", " shown with a label"),
            (Action::Demote, _) => self.say("降低排序", " shown lower"),
            (Action::Block, Block::HumanReview) => self.say("待人工审核", " not shown until a person has looked"),
            (Action::Block, Block::LabelFirst) => self.say("待加标识", " not shown until its label is"),
            (Action::Block, Block::None) => self.say("不展示", " not shown"),
        }
    }

    fn speaks_to<E>(&self, reason: &Because<'_, E>) -> bool {
        self.to == Audience::Officer
            || self.rule(&reason.policy, &reason.rule).is_none_or(|(_, rule)| rule.audience == self.to)
    }

    fn rule_speaks_to(&self, id: &str) -> bool {
        let mut rules = self.manifests.values().flat_map(|manifest| &manifest.rules);
        self.to == Audience::Officer || rules.any(|rule| rule.id == id && rule.audience == self.to)
    }

    fn rule(&self, policy: &str, id: &str) -> Option<(&Manifest, &Rule)> {
        let manifest = self.manifests.get(policy)?;
        Some((manifest, manifest.rules.iter().find(|rule| rule.id == id)?))
    }
}

/// The values that every reason rests on, by rule and what it is about.
fn evidence(outcome: Option<&Outcome>) -> Evidence {
    let mut found = Evidence::new();
    let Some(outcome) = outcome else { return found };
    let mut add = |rule: RuleRef, target: Target| {
        let key = (outcome.policy_set().rule_id(rule).to_owned(), outcome.target(target).map(str::to_owned));
        found.entry(key).or_insert_with(|| outcome.evidence(rule, target));
    };
    for verdict in &outcome.verdicts {
        outcome.reasons(verdict).iter().for_each(|reason| add(reason.rule, Target::Candidate(verdict.row)));
    }
    for (row, tag) in outcome.tags.iter().enumerate() {
        tag.reasons.iter().for_each(|(rule, ..)| add(*rule, Target::Tag(row as u32)));
    }
    found
}

/// A value as a person reads it: times as dates, the rest as a program writes it.
fn readable(column: &str, value: &Value) -> String {
    let unit = Vocabulary::shipped().column(column).filter(|(_, column)| column.kind == ColumnType::Integer);
    match (unit.and_then(|(_, column)| column.unit.as_deref()), value.as_i64()) {
        (Some("ms"), Some(ms)) => moment(ms, Language::En),
        (Some(unit), Some(number)) => phrases::quantity(number, unit, Language::En),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}
