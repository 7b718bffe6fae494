//! The page for the public (Art 7, 12, 16): what the algorithm is for and how it works, how to turn it off, and which rules
//! judge what it proposes, told from the modules that judge.

use std::collections::BTreeSet;

use normgate::contract::{Day, Manifest, Rule, Standing, Vocabulary, Wording};
use normgate::{Language, Mode, PolicySet, RuleRef, Words};
use serde_json::Value;

use crate::page::{Cell, Page, Table, count};
use crate::phrases::{self, Phrases};
use crate::profile::{CATEGORIES, Problem, Profile, SYSTEMS, choice, text};

/// The page on a provider's algorithm and on the rules of a policy set, as they are on a day, under the sector norms that the
/// provider adopted.
///
/// # Errors
/// What the profile lacks for it.
pub fn disclosure(
    profile: &Profile,
    set: &PolicySet,
    day: Day,
    adopted: &[String],
    language: Language,
) -> Result<Page, Vec<Problem>> {
    let mut wanted = vec![
        "subject.name",
        "algorithm.name",
        "algorithm.category",
        "algorithm.public_content",
        "filing_no",
        "disclosure",
    ];
    wanted.extend(profile.section("governance").map(|_| "governance"));
    let problems = profile.problems(&wanted);
    if !problems.is_empty() {
        return Err(problems);
    }
    let disclosure = Disclosure { profile, set, day, adopted, language };
    let name = disclosure.given("algorithm.name");
    let mut page =
        Page::new(language, language.pick(format!("{name}:算法推荐服务公示"), format!("{name}: how it recommends")));
    disclosure.head(&mut page);
    disclosure.algorithm(&mut page);
    disclosure.switch(&mut page);
    disclosure.governance(&mut page);
    disclosure.rules(&mut page);
    Ok(page)
}

struct Disclosure<'p> {
    profile: &'p Profile,
    set: &'p PolicySet,
    day: Day,
    adopted: &'p [String],
    language: Language,
}

impl Disclosure<'_> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.language.pick(zh, en)
    }

    fn given(&self, path: &str) -> &str {
        self.profile.text(path, self.language).unwrap_or_default()
    }

    fn head(&self, page: &mut Page) {
        let category = choice(&CATEGORIES, self.given("algorithm.category"), self.language);
        let filing = match self.profile.text("filing_no", self.language) {
            Some(number) => Cell::Code(number.to_owned()),
            None => self.say("尚无", "none yet").into(),
        };
        page.facts([
            (self.say("服务提供者", "Provider"), self.given("subject.name").into()),
            (self.say("算法", "Algorithm"), self.given("algorithm.name").into()),
            (self.say("算法类别", "Category"), category.into()),
            (self.say("备案编号", "Filing number"), filing),
            (self.say("公示版本", "Version of this page"), self.given("disclosure.version").into()),
            (self.say("更新日期", "Updated"), self.given("disclosure.updated").into()),
            (self.say("规则按此日", "Rules as on"), self.day.to_string().into()),
            (self.say("规则集", "Policy set"), Cell::Code(self.set.digest().to_owned())),
        ]);
        let url = self.given("disclosure.rules_url").to_owned();
        page.paragraph(Cell::Line(vec![
            self.say("平台公开的算法推荐服务相关规则:", "Rules that the platform publishes: ").into(),
            Cell::Link { text: url.clone(), url },
        ]));
    }

    fn algorithm(&self, page: &mut Page) {
        page.heading(self.say("目的意图、基本原理与主要运行机制", "Purpose, basic principle and main mechanism"));
        for (head, path) in [
            (self.say("目的意图", "Purpose"), "purpose"),
            (self.say("基本原理", "Basic principle"), "basic_principle"),
            (self.say("主要运行机制", "Main operating mechanism"), "operating_mechanism"),
            (self.say("应用场景", "Where it is used"), "application_scenario"),
        ] {
            page.subheading(head);
            page.paragraph(self.given(&format!("algorithm.public_content.{path}")));
        }
        page.subheading(self.say("主要参数", "Main parameters"));
        let head =
            [self.say("参数", "Parameter"), self.say("含义", "Meaning"), self.say("相对重要性", "Relative importance")];
        let mut table =
            Table::new(self.say("推荐结果主要由以下参数决定", "What mainly decides what is recommended"), head);
        for parameter in self.profile.list("disclosure.parameters") {
            let field =
                |name: &str| parameter.get(name).and_then(|value| text(value, self.language)).unwrap_or_default();
            table.row([field("name").into(), field("meaning").into(), self.importance(parameter)]);
        }
        page.table(table);
    }

    fn importance(&self, parameter: &Value) -> Cell {
        let weight = parameter.get("weight_ppm").and_then(Value::as_i64);
        let weight = weight.map(|ppm| phrases::quantity(ppm, "ppm", self.language));
        let words = parameter.get("importance").and_then(|value| text(value, self.language)).map(str::to_owned);
        let said: Vec<String> = weight.into_iter().chain(words).collect();
        match said.is_empty() {
            true => self.say("平台未说明", "not stated by the platform").into(),
            false => said.join(self.say(";", "; ")).into(),
        }
    }

    fn switch(&self, page: &mut Page) {
        page.heading(self.say("如何关闭", "How to turn it off"));
        page.paragraph(self.given("disclosure.off_switch.location"));
        if let Some(url) = self.profile.text("disclosure.off_switch.url", self.language) {
            page.paragraph(Cell::Link { text: url.to_owned(), url: url.to_owned() });
        }
    }

    /// The systems of Art 7, where the profile has its register. Who owns them is for the authority, not for this page.
    fn governance(&self, page: &mut Page) {
        let head = [self.say("制度", "System"), self.say("版本", "Version"), self.say("下次评审", "Next review")];
        let mut table = Table::new(self.say("管理制度(第七条)", "Management systems (Art. 7)"), head);
        for system in self.profile.list("governance.systems") {
            let field = |name: &str| system.get(name).and_then(Value::as_str).unwrap_or_default();
            table.row([
                choice(&SYSTEMS, field("system"), self.language).into(),
                field("version").into(),
                field("next_review").into(),
            ]);
        }
        if !table.rows.is_empty() {
            page.heading(self.say("平台的管理制度", "How the platform governs its algorithms"));
            page.table(table);
        }
        if let Some(staffing) = self.profile.text("governance.staffing", self.language) {
            page.paragraph(staffing);
        }
    }

    fn rules(&self, page: &mut Page) {
        page.heading(self.say("对推荐结果作出判定的规则", "The rules that judge what is recommended"));
        page.paragraph(self.say(
            "推荐列表在展示前逐条经下列规则模块判定。每个模块只能读取其清单列明的字段,在沙箱中运行,不能访问其他任何数据。",
            "Before it is shown, every list is judged by the modules below. A module sees only the fields that its manifest \
             lists, runs in a sandbox, and reaches nothing else.",
        ));
        if let Some(day) = self.set.observed_until() {
            page.note(self.language.pick(
                format!("{day} 之前仅观察:规则作出判定并被记录,但不改变推荐结果。"),
                format!("Until {day} the platform only observes: rules judge and are reported, and change no list."),
            ));
        }
        let manifests: Vec<_> = self.set.manifests().enumerate().collect();
        if manifests.iter().any(|(_, manifest)| manifest.authority() == "reference") {
            page.note(self.say(
                "标为 reference 的模块是对法律文本的参考解读,并非任何机关发布。",
                "Modules under the name “reference” are a reference reading of the law; no public body has issued them.",
            ));
        }
        page.table(self.overview(&manifests));
        let rules: Vec<&Rule> = manifests.iter().flat_map(|(_, manifest)| &manifest.rules).collect();
        let drafts = rules.iter().filter(|rule| rule.wording == Wording::Draft).count();
        let compared = rules.iter().filter(|rule| rule.verified).count();
        page.note(self.language.pick(
            format!(
                "标为“草拟”的说明文字({drafts} 条)尚待审校。{} 条规则中,已与官方文本核对的有 {compared} 条。",
                rules.len()
            ),
            format!(
                "Sentences that are marked “draft” ({drafts}) are still to be reviewed. Of {} rules, {compared} were compared with the \
                 official text.",
                rules.len()
            ),
        ));
        for (index, manifest) in manifests {
            self.module(page, index as u16, manifest);
        }
    }

    /// How many rules of each module stand on whose account.
    fn overview(&self, manifests: &[(usize, &std::sync::Arc<Manifest>)]) -> Table {
        let standings = [Standing::Required, Standing::Recommended, Standing::Platform];
        let mut head = vec![self.say("模块", "Module"), self.say("标题", "Title"), self.say("规则", "Rules")];
        head.extend(standings.iter().map(|standing| phrases::standing(*standing, self.language)));
        let mut table = Table::new(self.say("规则的依据", "On whose account the rules stand"), head);
        let mut total = [0; 4];
        for (_, manifest) in manifests {
            let of = |wanted: Standing| manifest.rules.iter().filter(|rule| rule.standing() == wanted).count() as u64;
            let counts = [manifest.rules.len() as u64, of(standings[0]), of(standings[1]), of(standings[2])];
            total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            let cells = [Cell::Code(manifest.module.clone()), self.language.of(&manifest.title).into()];
            table.row(cells.into_iter().chain(counts.map(count)));
        }
        let cells = [self.say("合计", "All").into(), Cell::none()];
        table.row(cells.into_iter().chain(total.map(count)));
        table
    }

    fn module(&self, page: &mut Page, index: u16, manifest: &Manifest) {
        let value = |name: &str| self.set.parameter(index, name);
        let phrases = Phrases { language: self.language, manifest, value: &value };
        page.subheading(format!("{}{}", self.article(manifest), self.language.of(&manifest.title)));
        let mut facts = vec![
            (self.say("模块", "Module"), Cell::Code(manifest.reference())),
            (self.say("判定对象", "What it judges"), phrases.judges().into()),
            (self.say("读取的个人信息", "What it reads of a person"), self.personal(manifest)),
        ];
        if let Some(issuer) = &manifest.issuer {
            facts.push((self.say("发布者", "Issued by"), self.language.of(issuer).into()));
        }
        if let Some(day) = manifest.effective_from {
            facts.push((self.say("施行日期", "In force from"), day.to_string().into()));
        }
        if let Some(day) = manifest.effective_until {
            facts.push((self.say("失效日期", "No longer in force on"), day.to_string().into()));
        }
        page.facts(facts);
        if let Some(pack) = &manifest.pack {
            let adopted = self.adopted.contains(pack) && Vocabulary::shipped().owns_pack_of(manifest);
            page.note(match adopted {
                true => self.language.pick(
                    format!("行业规范“{pack}”:平台已采纳(第五条)。"),
                    format!("The sector norm “{pack}”: the platform has adopted it (Art. 5)."),
                ),
                false => self.language.pick(
                    format!("行业规范“{pack}”:平台尚未采纳,仅记录、不生效(第五条)。"),
                    format!("The sector norm “{pack}”: reported and not applied, since the platform has not adopted it (Art. 5)."),
                ),
            });
        }
        let head = [
            self.say("规则", "Rule"),
            self.say("依据", "On whose account"),
            self.say("可能的处理", "What may follow"),
            self.say("备注", "Remarks"),
        ];
        let mut table = Table::new(self.say("规则", "Rules"), head);
        for (position, rule) in manifest.rules.iter().enumerate() {
            let mode = self.set.mode(RuleRef { policy: index, rule: position as u16 });
            table.row(self.rule(&phrases, rule, mode));
        }
        page.table(table);
        page.table(self.parameters(&phrases));
    }

    fn article(&self, manifest: &Manifest) -> String {
        match normgate::contract::law::article_number(&manifest.module) {
            Some(number) => self.language.pick(format!("第{number}条 "), format!("Art. {number} ")),
            None => String::new(),
        }
    }

    /// The columns about a person that a module is handed.
    fn personal(&self, manifest: &Manifest) -> Cell {
        let vocabulary = Vocabulary::shipped();
        let about_person = |name: &str| vocabulary.column(name).is_none_or(|(_, column)| column.personal);
        let names: BTreeSet<String> =
            manifest.columns().map(|(name, _)| name).filter(|name| about_person(name)).collect();
        if names.is_empty() {
            return self.say("无", "nothing").into();
        }
        let words = names.iter().map(|name| Words::shipped().column(name, self.language));
        words.collect::<Vec<_>>().join(self.say("、", "; ")).into()
    }

    fn rule(&self, phrases: &Phrases<'_>, rule: &Rule, mode: Mode) -> [Cell; 4] {
        let cited = Vocabulary::shipped().cite(&rule.basis);
        let account = Cell::Lines(vec![
            phrases::standing(rule.standing(), self.language).into(),
            self.language.of(&cited).into(),
        ]);
        let effects = rule.effects.iter().map(|effect| phrases.effect(effect).into());
        let mut remarks = Vec::new();
        if rule.wording == Wording::Draft {
            remarks.push(self.say("草拟", "draft").into());
        }
        match mode {
            Mode::Enforce => {}
            Mode::Shadow => remarks.push(self.say("仅记录,不生效", "reported only, not applied").into()),
            Mode::Preview => remarks.push(self.say("施行前预演", "tried before it is in force").into()),
            Mode::Off => remarks.push(self.say("已停用", "off").into()),
            Mode::Canary(percent) => {
                remarks.push(self.language.pick(
                    format!("对 {percent} % 的用户生效").into(),
                    format!("applied for {percent} % of users").into(),
                ))
            }
        }
        for (zh, en, day) in [("自", "from", rule.effective_from), ("至", "until", rule.effective_until)] {
            if let Some(day) = day {
                remarks.push(format!("{} {day}", self.language.pick(zh, en)).into());
            }
        }
        let named = Cell::Lines(vec![self.language.of(&rule.sentence).into(), Cell::Code(rule.id.clone())]);
        [named, account, Cell::lines(effects), Cell::lines(remarks)]
    }

    fn parameters(&self, phrases: &Phrases<'_>) -> Table {
        let head = [
            self.say("参数", "Parameter"),
            self.say("取值", "Value"),
            self.say("缺省值", "Default"),
            self.say("可由谁调整", "Who may move it"),
            self.say("缺省值的来源", "Where the default comes from"),
        ];
        let mut table = Table::new(self.say("参数", "Parameters"), head);
        for parameter in &phrases.manifest.parameters {
            table.row([
                Cell::Code(parameter.name.clone()),
                phrases.value(parameter).into(),
                phrases::default(parameter, self.language).into(),
                phrases::owner(parameter.owner, self.language).into(),
                phrases::provenance(parameter.source, self.language).into(),
            ]);
        }
        table
    }
}
