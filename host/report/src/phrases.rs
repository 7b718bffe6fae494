//! What a manifest says, in words: effects, values, standings, owners, kinds.

use normgate::contract::{
    Argument, Block, Day, Effect, Level, Manifest, Obligation, Owner, Parameter, ParameterType, Provenance, Quantity,
    Standing, TagAction, Value, Weight,
};
use normgate::{Language, Words};

/// Sentences in one language, with the values of parameters.
pub(crate) struct Phrases<'m> {
    pub(crate) language: Language,
    pub(crate) manifest: &'m Manifest,
    /// The encoded value of a parameter of the manifest.
    pub(crate) value: &'m dyn Fn(&str) -> Option<i64>,
}

impl Phrases<'_> {
    fn say<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        self.language.pick(zh, en)
    }

    /// A parameter's value as a person reads it.
    pub(crate) fn value(&self, parameter: &Parameter) -> String {
        let encoded = (self.value)(&parameter.name).or_else(|| parameter.encode(&parameter.default).ok());
        encoded.map_or_else(String::new, |encoded| self.encoded(parameter, encoded))
    }

    fn encoded(&self, parameter: &Parameter, encoded: i64) -> String {
        match &parameter.kind {
            ParameterType::Integer { unit, .. } => quantity(encoded, unit, self.language),
            // A choice crosses as 2 + its position.
            ParameterType::Term { choices } => (usize::try_from(encoded - 2).ok())
                .and_then(|position| choices.get(position).cloned())
                .unwrap_or_else(|| encoded.to_string()),
        }
    }

    fn named(&self, name: &str) -> String {
        match self.manifest.parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => self.value(parameter),
            None => name.to_owned(),
        }
    }

    fn quantity(&self, quantity: &Quantity, unit: &str) -> String {
        match quantity {
            Quantity::Constant(number) => self::quantity(*number, unit, self.language),
            Quantity::Parameter(name) => self.named(name),
        }
    }

    /// What a rule may do.
    pub(crate) fn effect(&self, effect: &Effect) -> String {
        let (words, language) = (Words::shipped(), self.language);
        match effect {
            Effect::Label(label) => {
                let label = words.label(label, language);
                language.pick(format!("标注“{label}”"), format!("label “{label}”"))
            }
            Effect::Demote(weight) if weight.is_computed() => {
                self.say("降低排序权重(按情况计算)", "rank lower, by how much is computed").into()
            }
            Effect::Demote(Weight::Constant(ppm)) => self.demoted(&quantity(*ppm, "ppm", language)),
            Effect::Demote(Weight::Named(name)) => self.demoted(&self.named(name)),
            Effect::Block(Block::None) => self.say("不展示", "not shown").into(),
            Effect::Block(Block::HumanReview) => {
                self.say("经人工审核前不展示", "not shown until a person has looked").into()
            }
            Effect::Block(Block::LabelFirst) => self.say("加注标识前不展示", "not shown until its label is").into(),
            Effect::Tag(TagAction::Keep) => self.say("保留标签", "the tag is kept").into(),
            Effect::Tag(TagAction::Suppress) => self.say("本次不使用该标签", "the tag is not used").into(),
            Effect::Tag(TagAction::Delete) => self.say("删除该标签", "the tag is deleted").into(),
            Effect::Obligation(obligation) => self.obligation(obligation),
            Effect::Veto(feature) if feature == "tag" => self.say("不得依据该标签推荐", "must not use the tag").into(),
            Effect::Veto(feature) => words.veto(feature, language).to_owned(),
            Effect::Violation => self.say("记为平台自身的问题", "recorded as a finding about the platform").into(),
            Effect::Promote => self.say("建议提前展示", "a better place is suggested").into(),
            Effect::Constraint(constraint) => {
                let count = self.quantity(&constraint.count, "count");
                let slots = self.quantity(&constraint.slots, "count");
                let codes = constraint.codes.join(", ");
                language.pick(
                    format!("前 {slots} 位中至少 {count} 条为 {codes}"),
                    format!("at least {count} of {codes} among the first {slots}"),
                )
            }
        }
    }

    fn demoted(&self, weight: &str) -> String {
        self.language.pick(format!("排序权重降至 {weight}"), format!("ranks with {weight} of its score"))
    }

    fn obligation(&self, obligation: &Obligation) -> String {
        let mut text = Words::shipped().obligation(&obligation.code, self.language).to_owned();
        if let Some(deadline) = &obligation.deadline_s {
            let deadline = self.quantity(deadline, "s");
            text += &self.language.pick(format!(",{deadline} 内"), format!(", within {deadline}"));
        }
        if let Some(days) = &obligation.retain_d {
            let days = self.quantity(days, "d");
            text += &self.language.pick(format!(",保存 {days}"), format!(", kept {days}"));
        }
        for (name, argument) in obligation.args.iter().filter(|(_, argument)| !matches!(argument, Argument::Flag(_))) {
            let value = match argument {
                Argument::Constant(number) => number.to_string(),
                Argument::Named(value) if argument.column(name).is_some() => value.clone(),
                Argument::Named(value) => self.named(value),
                Argument::Flag(flag) => flag.to_string(),
            };
            text += &format!(" ({name} = {value})");
        }
        text
    }

    /// What the rules of the module judge.
    pub(crate) fn judges(&self) -> String {
        let levels = [
            (Level::Row, self.say("候选内容", "items that may be shown")),
            (Level::Tag, self.say("用户标签", "tags of the user")),
            (Level::Request, self.say("整次请求(列表、用户与平台)", "the request as a whole (list, user, platform)")),
        ];
        let judged: Vec<&str> = (levels.into_iter())
            .filter(|(level, _)| self.manifest.rules.iter().any(|rule| rule.level == *level))
            .map(|(_, words)| words)
            .collect();
        judged.join(self.say("、", "; "))
    }
}

/// A number with its unit, as a person reads it. Units of the contract: ppm, s, min (of a day), d, fen, pct, m/h, count.
pub(crate) fn quantity(number: i64, unit: &str, language: Language) -> String {
    let trimmed = |text: String| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    match unit {
        "ppm" => format!("{} %", trimmed(format!("{:.4}", number as f64 / 1e4))),
        "pct" => format!("{number} %"),
        "s" if number != 0 && number % 86_400 == 0 => {
            let days = number / 86_400;
            language.pick(format!("{days} 日"), format!("{days} d"))
        }
        "s" if number != 0 && number % 3_600 == 0 => {
            language.pick(format!("{} 小时", number / 3_600), format!("{} h", number / 3_600))
        }
        "s" if number != 0 && number % 60 == 0 => {
            language.pick(format!("{} 分钟", number / 60), format!("{} min", number / 60))
        }
        "s" => language.pick(format!("{number} 秒"), format!("{number} s")),
        "min" => format!("{:02}:{:02}", number / 60, number % 60),
        "d" => language.pick(format!("{number} 日"), format!("{number} d")),
        "fen" => language.pick(format!("{:.2} 元", number as f64 / 100.0), format!("CNY {:.2}", number as f64 / 100.0)),
        "m/h" => language.pick(format!("每小时 {number} 米"), format!("{number} m/h")),
        "count" => number.to_string(),
        other => format!("{number} {other}"),
    }
}

/// The default of a parameter, as written.
pub(crate) fn default(parameter: &Parameter, language: Language) -> String {
    match (&parameter.default, &parameter.kind) {
        (Value::Integer(number), ParameterType::Integer { unit, .. }) => quantity(*number, unit, language),
        (value, _) => value.to_string(),
    }
}

/// On whose account a rule stands.
pub(crate) fn standing(standing: Standing, language: Language) -> &'static str {
    match standing {
        Standing::Required => language.pick("法定要求", "required"),
        Standing::Recommended => language.pick("推荐", "recommended"),
        Standing::Platform => language.pick("平台自定", "set by the platform"),
    }
}

/// Who may move a parameter.
pub(crate) fn owner(owner: Owner, language: Language) -> &'static str {
    match owner {
        Owner::Law => language.pick("法定;只能从严", "fixed by law; may only be tightened"),
        Owner::Norm => language
            .pick("推荐性标准或指南;平台可在范围内调整", "a standard or guideline; the platform, within its range"),
        Owner::Op => language.pick("平台", "the platform"),
        Owner::Reg => language.pick("监管机关;只能从严", "the regulator; may only be tightened"),
        Owner::Usr => language.pick("用户或监护人", "the user or a guardian"),
    }
}

/// Where a figure or a rule comes from.
pub(crate) fn provenance(provenance: Provenance, language: Language) -> &'static str {
    match provenance {
        Provenance::Statute => language.pick("法律法规", "statute"),
        Provenance::Instrument => language.pick("规范性文件", "binding instrument"),
        Provenance::Recommended => language.pick("推荐性标准或指南", "standard or guideline"),
        Provenance::Draft => language.pick("征求意见稿", "draft"),
        Provenance::Engineering => language.pick("工程缺省值", "engineering default"),
    }
}

/// An instant, as clocks in China show it.
pub(crate) fn moment(ms: i64, language: Language) -> String {
    let day = Day::containing(ms);
    let minute = (ms - day.start_ms()) / 60_000;
    let zone = language.pick("北京时间", "UTC+8");
    format!("{day} {:02}:{:02} ({zone})", minute / 60, minute % 60)
}
