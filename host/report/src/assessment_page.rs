//! A self-assessment as a page: the figures under the articles that ask for them, and what a ledger cannot tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use normgate::contract::{Day, Manifest};
use normgate::{Language, Words};
use normgate_ledger::{Anchorage, Group};
use serde_json::Value;

use crate::assessment::{Assessment, Effects, NO_SURFACE, Shares};
use crate::page::{Cell, Page, Plot, Shape, Table, count, grouped, percent, share};
use crate::profile::{Problem, Profile, SYSTEMS, choice};

impl Assessment {
    /// The figures as a page; of a provider, where its profile is given, with its register of management systems (Art 7). Rules are
    /// told in the words of these manifests, as far as they have them.
    ///
    /// # Errors
    /// What is missing or wrong in the profile.
    pub fn page(
        &self,
        manifests: &[Arc<Manifest>],
        profile: Option<&Profile>,
        language: Language,
    ) -> Result<Page, Vec<Problem>> {
        let problems = profile.map_or(Vec::new(), |profile| {
            profile.problems(&["subject.name", "algorithm.name", "filing_no", "governance"])
        });
        match problems.is_empty() {
            true => Ok(Writer { figures: self, manifests, profile, language }.page()),
            false => Err(problems),
        }
    }
}

struct Writer<'a> {
    figures: &'a Assessment,
    manifests: &'a [Arc<Manifest>],
    profile: Option<&'a Profile>,
    language: Language,
}

impl Writer<'_> {
    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.language.pick(zh, en)
    }

    fn page(&self) -> Page {
        let title = self.say("算法安全自评估:台账统计", "Self-assessment: figures from the ledger");
        let mut page = Page::new(self.language, title);
        self.provider(&mut page);
        self.head(&mut page);
        self.register(&mut page);
        self.verdicts(&mut page);
        self.rules(&mut page);
        self.missing(&mut page);
        self.art8(&mut page);
        self.art9(&mut page);
        self.art18(&mut page);
        self.tags(&mut page);
        self.obligations(&mut page);
        self.findings(&mut page);
        self.art24(&mut page);
        self.art27(&mut page);
        self.shadow(&mut page);
        page
    }

    fn provider(&self, page: &mut Page) {
        let Some(profile) = self.profile else { return };
        let given = |path: &str| Cell::from(profile.text(path, self.language).unwrap_or("–"));
        page.facts([
            (self.say("服务提供者", "Provider"), given("subject.name")),
            (self.say("算法", "Algorithm"), given("algorithm.name")),
            (self.say("备案编号", "Filing number"), given("filing_no")),
        ]);
    }

    /// The register of Art 7, with those of its eight systems that it lacks.
    fn register(&self, page: &mut Page) {
        let Some(profile) = self.profile else { return };
        page.heading(self.say("管理制度登记(第七条)", "Register of management systems (Art. 7)"));
        let head = [
            self.say("制度", "System"),
            self.say("负责", "Owner"),
            self.say("版本", "Version"),
            self.say("文件摘要", "Digest of the document"),
            self.say("下次评审", "Next review"),
        ];
        let mut table = Table::new(self.say("登记", "Register"), head);
        let registered = profile.list("governance.systems");
        for system in registered {
            let field = |name: &str| system.get(name).and_then(Value::as_str).unwrap_or_default();
            table.row([
                choice(&SYSTEMS, field("system"), self.language).into(),
                field("owner").into(),
                field("version").into(),
                Cell::Code(field("document_sha256").to_owned()),
                field("next_review").into(),
            ]);
        }
        page.table(table);
        let there =
            |name: &str| registered.iter().any(|system| system.get("system").and_then(Value::as_str) == Some(name));
        let lacking: Vec<String> = (SYSTEMS.iter())
            .filter(|(term, zh)| !there(term) && !there(zh))
            .map(|(term, _)| choice(&SYSTEMS, term, self.language))
            .collect();
        if !lacking.is_empty() {
            let names = lacking.join(self.say("、", ", "));
            page.note(self.language.pick(format!("登记中没有:{names}。"), format!("Not in the register: {names}.")));
        }
    }

    fn head(&self, page: &mut Page) {
        let figures = self.figures;
        let lists = figures.lists;
        // Where nobody named a first or last day, it is that of the records.
        let day = |asked: Option<Day>, found: Option<i64>| {
            asked.or(found.map(Day::containing)).map_or_else(|| "–".to_owned(), |day| day.to_string())
        };
        page.facts([
            (
                self.say("统计区间", "Days"),
                Cell::Text(format!("{} – {}", day(figures.from, figures.first_ms), day(figures.to, figures.last_ms))),
            ),
            (self.say("判定的列表", "Lists judged"), grouped(lists.full + lists.commit).into()),
            (self.say("其中完整留存", "Of these kept in full"), grouped(lists.full).into()),
            (
                self.say("其中仅留存结果与承诺值", "Of these kept as outcome and commitment"),
                grouped(lists.commit).into(),
            ),
            (self.say("密钥已销毁,未计入", "Keys gone, so not counted"), grouped(lists.unreadable).into()),
            (self.say("不在适用范围(第二条)", "Out of scope (Art. 2)"), grouped(lists.out_of_scope).into()),
        ]);
        page.note(self.say(
            "本页数字均由台账记录统计得出;凡因信息缺失而触发的处理单独列示,不计为违规。",
            "Every figure here is counted from records of the ledger. What a rule did only because something was unknown stands \
             apart, and is no breach.",
        ));
    }

    fn verdict_names(&self) -> [&'static str; 4] {
        [
            self.say("原样展示", "shown as it was"),
            self.say("加标识后展示", "shown with a label"),
            self.say("降低排序", "ranked lower"),
            self.say("不展示", "withheld"),
        ]
    }

    fn verdicts(&self, page: &mut Page) {
        page.heading(self.say("判定概览", "What was decided"));
        let rows = |shares: &Shares| [shares.allow, shares.label, shares.demote, shares.block];
        let mut plot = Plot::new(
            Shape::Shares,
            self.say("各位置的内容条数与占比", "Rows by surface"),
            self.say("位置", "surface"),
            self.verdict_names(),
        );
        for (surface, shares) in &self.figures.surfaces {
            plot.point(self.surface(surface), rows(shares));
        }
        page.plot(plot);
        let mut plot = Plot::new(
            Shape::Shares,
            self.say("各用户群体的内容条数与占比", "Rows by group of users"),
            self.say("用户群体", "group"),
            self.verdict_names(),
        );
        for (group, shares) in &self.figures.groups {
            plot.point(self.group(*group), rows(shares));
        }
        page.plot(plot);
        if self.figures.days.len() > 1 {
            let series =
                [self.say("不展示", "withheld"), self.say("降低排序", "ranked lower"), self.say("加标识", "labelled")];
            let mut plot = Plot::new(
                Shape::Lines,
                self.say("逐日占比", "Shares of rows, day by day"),
                self.say("日期", "day"),
                series,
            )
            .colours([3, 2, 1]);
            for (day, shares) in &self.figures.days {
                let ppm = |part: u64| part * 1_000_000 / shares.rows().max(1);
                plot.point(day.to_string(), [ppm(shares.block), ppm(shares.demote), ppm(shares.label)]);
            }
            page.plot(plot);
        }
        let waits: u64 = self.figures.surfaces.values().map(|shares| shares.held).sum();
        let withheld: u64 = self.figures.surfaces.values().map(|shares| shares.block).sum();
        page.paragraph(self.language.pick(
            format!("不展示的 {} 条中,{} 条待人工审核或待加标识。", grouped(withheld), grouped(waits)),
            format!("Of {} rows withheld, {} wait for a person or a label.", grouped(withheld), grouped(waits)),
        ));
    }

    /// What rules did by one cause, over all surfaces.
    fn by_rule(&self, wanted: impl Fn(&str) -> bool, fact: bool) -> BTreeMap<&str, Effects> {
        let mut rules: BTreeMap<&str, Effects> = BTreeMap::new();
        for fired in self.figures.rules.iter().filter(|fired| wanted(&fired.rule)) {
            let effects = if fact { &fired.fact } else { &fired.missing_input };
            if effects.total() > 0 {
                rules.entry(&fired.rule).or_default().add(effects);
            }
        }
        rules
    }

    fn rule_table(&self, caption: &str, rules: &BTreeMap<&str, Effects>) -> Table {
        let head = [
            self.say("规则", "Rule"),
            self.say("涉及列表", "Lists"),
            self.say("加标识", "Labelled"),
            self.say("降低排序", "Ranked lower"),
            self.say("不展示", "Withheld"),
            self.say("标签", "Tags"),
        ];
        let mut table = Table::new(caption, head);
        for (rule, effects) in rules {
            let figures = [effects.lists, effects.label, effects.demote, effects.block, effects.tag];
            table.row([self.rule(rule)].into_iter().chain(figures.map(count)));
        }
        table
    }

    fn rules(&self, page: &mut Page) {
        page.heading(self.say("规则触发情况(依据事实)", "Rules that acted because of a fact"));
        let rules = self.by_rule(|_| true, true);
        let mut most: Vec<(&str, u64)> = rules.iter().map(|(rule, effects)| (*rule, effects.total())).collect();
        most.sort_by_key(|(rule, total)| (std::cmp::Reverse(*total), *rule));
        let mut plot = Plot::new(
            Shape::Bars,
            self.say("触发最多的规则", "The rules that acted most often"),
            self.say("规则", "rule"),
            [self.say("条数", "rows and tags")],
        );
        for (rule, total) in most.into_iter().take(12) {
            plot.point(rule, [total]);
        }
        page.plot(plot);
        page.table(self.rule_table(self.say("全部规则", "All rules"), &rules));
        if rules.is_empty() {
            page.paragraph(self.say("区间内没有规则因事实触发。", "No rule acted because of a fact in this time."));
        }
    }

    fn missing(&self, page: &mut Page) {
        page.heading(self.say("数据质量:因信息缺失触发", "Data quality: what rules did because something was unknown"));
        let rules = self.by_rule(|_| true, false);
        page.paragraph(self.say(
            "下列处理仅因输入缺失而触发,说明平台提供的数据不完整,不表示内容或平台违规。",
            "Here an input was missing. This says that data is incomplete, and nothing against an item or the platform.",
        ));
        page.table(self.rule_table(self.say("因信息缺失触发的规则", "Rules that acted for want of an input"), &rules));
    }

    fn art8(&self, page: &mut Page) {
        page.heading(self.say("防沉迷与过度消费(第八条)", "Addiction and excessive spending (Art. 8)"));
        let rules = self.by_rule(|rule| rule.starts_with("art08."), true);
        let owed = self.owed(|rule| rule.starts_with("art08."));
        if rules.is_empty() && owed.rows.is_empty() {
            page.paragraph(self.say("区间内没有此类记录。", "None in this time."));
        }
        page.table(self.rule_table(self.say("第八条规则", "Rules of Art. 8"), &rules));
        page.table(owed);
        page.note(self.say(
            "台账无法给出:使用时长变化、用户主题熵、消费增量、投诉率;这些须由平台另行统计。",
            "A ledger cannot tell how session lengths, the entropy of topics, spending or complaints developed: these figures \
             are the platform's.",
        ));
    }

    fn art9(&self, page: &mut Page) {
        page.heading(self.say("合成内容标识(第九条)", "Labels on synthetic content (Art. 9)"));
        let series = [
            self.say("已渲染标识", "label rendered"),
            self.say("已展示、未确认标识", "shown, label not confirmed"),
            self.say("未实际展示", "not shown after all"),
            self.say("无回执", "nothing confirmed"),
        ];
        let title = self.say("应加标识的合成内容", "Synthetic rows that were to be shown with a label");
        let mut plot = Plot::new(Shape::Shares, title, self.say("位置", "surface"), series).colours([1, 3, 0, 5]);
        let mut all = [0; 4];
        for (surface, labelled) in &self.figures.synthetic {
            let values = [labelled.rendered, labelled.shown_without, labelled.not_shown, labelled.unconfirmed];
            all.iter_mut().zip(values).for_each(|(all, value)| *all += value);
            plot.point(self.surface(surface), values);
        }
        page.plot(plot);
        let shown = all[0] + all[1];
        page.paragraph(self.language.pick(
            format!(
                "有回执且实际展示的 {} 条中,标识已渲染的占 {};另有 {} 条没有回执,不计入该比例。",
                grouped(shown),
                percent(all[0], shown),
                grouped(all[3])
            ),
            format!(
                "Of {} rows that a confirmation says were shown, {} had their labels rendered; {} rows were not confirmed and \
                 count for neither.",
                grouped(shown),
                percent(all[0], shown),
                grouped(all[3])
            ),
        ));
        let Assessment { confirmations, .. } = self.figures;
        if confirmations.given_up > 0 {
            page.note(self.language.pick(
                format!("{} 个列表等待回执过久,已按无回执计。", grouped(confirmations.given_up)),
                format!(
                    "{} lists were given up waiting for, and count as unconfirmed.",
                    grouped(confirmations.given_up)
                ),
            ));
        }
    }

    fn art18(&self, page: &mut Page) {
        page.heading(self.say("未成年人与老年人(第十八、十九条)", "Minors and elders (Art. 18, 19)"));
        page.paragraph(self.say(
            "曝光量为各展示条目按位置加权之和,权重为 1/log2(位置+2),首位为 1;不展示的条目没有曝光。",
            "Exposure is summed over the rows that were shown, each weighing 1/log2(place + 2), the first place being 0; a row \
             that is withheld has none.",
        ));
        for (group, caption) in [
            (Group::Minor, self.say("未成年人", "Minors")),
            (Group::Elder, self.say("老年人与长辈模式", "Elders and elder mode")),
        ] {
            let head = [
                self.say("位置", "Surface"),
                self.say("列表", "Lists"),
                self.say("展示", "Shown"),
                self.say("不展示", "Withheld"),
                self.say("不展示占比", "Share withheld"),
                self.say("曝光量", "Exposure"),
                self.say("带标识的曝光", "With a label"),
                self.say("被降权的曝光", "Ranked lower"),
            ];
            let mut table = Table::new(caption, head);
            for row in self.figures.protected.iter().filter(|row| row.group == group) {
                table.row([
                    self.surface(&row.surface).into(),
                    count(row.lists),
                    count(row.shown),
                    count(row.withheld),
                    share(row.withheld, row.shown + row.withheld),
                    Cell::Number(format!("{:.1}", row.exposure as f64 / 1e6)),
                    share(row.labelled, row.exposure),
                    share(row.demoted, row.exposure),
                ]);
            }
            if table.rows.is_empty() {
                page.paragraph(
                    self.language
                        .pick(format!("{caption}:区间内没有列表。"), format!("{caption}: no list in this time.")),
                );
            }
            page.table(table);
        }
        let rules = self.by_rule(|rule| rule.starts_with("art18.") || rule.starts_with("art19."), true);
        page.table(self.rule_table(self.say("第十八、十九条规则", "Rules of Art. 18 and 19"), &rules));
    }

    fn tags(&self, page: &mut Page) {
        let tags = self.figures.tags;
        if tags == Default::default() {
            return;
        }
        page.heading(self.say("用户标签(第十条)", "Tags of users (Art. 10)"));
        page.facts([
            (self.say("保留", "Left alone"), grouped(tags.keep).into()),
            (self.say("本次不使用", "Not used for the list"), grouped(tags.suppress).into()),
            (self.say("删除", "To be erased"), Cell::from(grouped(tags.delete))),
        ]);
    }

    /// What rules asked for, with what was confirmed of it.
    fn owed(&self, wanted: impl Fn(&str) -> bool) -> Table {
        let head = [
            self.say("义务", "What is owed"),
            self.say("次数", "Times"),
            self.say("已确认履行", "Confirmed as done"),
            self.say("未确认", "Not confirmed"),
            self.say("规则", "By rules"),
        ];
        let mut table = Table::new(self.say("义务", "Obligations"), head);
        for (code, owed) in &self.figures.obligations {
            if !owed.rules.keys().any(|rule| wanted(rule)) {
                continue;
            }
            let name = Words::shipped().obligation(code, self.language);
            table.row([
                Cell::Lines(vec![name.into(), Cell::Code(code.clone())]),
                count(owed.owed),
                count(owed.discharged),
                count(owed.owed.saturating_sub(owed.discharged)),
                Cell::codes(owed.rules.keys()),
            ]);
        }
        table
    }

    fn obligations(&self, page: &mut Page) {
        page.heading(self.say("义务的产生与履行", "What was owed, and what was done"));
        page.paragraph(self.say(
            "履行情况以平台的回执为准;“未确认”表示台账中没有回执。",
            "What is done is what the platform confirmed. “Not confirmed” says that the ledger has nothing on it.",
        ));
        page.table(self.owed(|_| true));
        let confirmations = self.figures.confirmations;
        page.facts([
            (self.say("有回执的列表", "Lists of which something was confirmed"), grouped(confirmations.lists).into()),
            (self.say("回执", "Confirmations"), grouped(confirmations.matched).into()),
            (
                self.say("找不到对应列表的回执", "Confirmations of no list that was counted"),
                Cell::from(grouped(confirmations.unmatched)),
            ),
        ]);
    }

    fn findings(&self, page: &mut Page) {
        page.heading(self.say("平台自身的问题", "Findings about the platform"));
        let head = [
            self.say("规则", "Rule"),
            self.say("依据事实", "Because of a fact"),
            self.say("因信息缺失", "For want of an input"),
        ];
        let mut table = Table::new(self.say("次数", "How often"), head);
        for (rule, causes) in &self.figures.findings {
            table.row([self.rule(rule), count(causes.fact), count(causes.missing_input)]);
        }
        if table.rows.is_empty() {
            page.paragraph(self.say("区间内没有此类记录。", "None in this time."));
        }
        page.table(table);
    }

    fn art24(&self, page: &mut Page) {
        page.heading(self.say("备案所需的运行情况(第二十四条)", "For the filing (Art. 24): the service as it ran"));
        let surfaces = self.figures.surfaces.keys().map(|surface| self.surface(surface));
        let head = [self.say("规则集", "Policy set"), self.say("列表", "Lists")];
        page.facts([(
            self.say("使用推荐的位置", "Surfaces in use"),
            Cell::from(surfaces.collect::<Vec<_>>().join(self.say("、", "; "))),
        )]);
        let mut table = Table::new(self.say("判定所用的规则集", "Policy sets that judged"), head);
        for (set, lists) in &self.figures.policy_sets {
            table.row([Cell::Code(set.clone()), count(*lists)]);
        }
        page.table(table);
    }

    fn art27(&self, page: &mut Page) {
        page.heading(
            self.say("安全评估所需的运行可靠性(第二十七条)", "For the security assessment (Art. 27): how it held up"),
        );
        let ledger = &self.figures.ledger;
        let day = |ms: Option<i64>| ms.map_or_else(|| "–".to_owned(), |ms| Day::containing(ms).to_string());
        let mut facts = vec![
            (
                self.say("区间内日志", "Log in this time"),
                Cell::from(format!("{} – {}", day(self.figures.first_ms), day(self.figures.last_ms))),
            ),
            (self.say("未正常结束的写入", "Writers that did not end in order"), grouped(ledger.gaps).into()),
            (
                self.say("其中可能缺失已应答列表", "Of these, answered lists may be missing"),
                grouped(ledger.gaps_with_answers).into(),
            ),
            (self.say("未能写入的列表", "Lists that could not be written"), grouped(ledger.lost).into()),
            (self.say("时钟回拨", "Times the clock went back"), grouped(ledger.clock_back).into()),
            (self.say("因案保全的记录", "Records held for a case"), grouped(ledger.held).into()),
            (
                self.say("台账的外部见证", "The ledger's anchor outside"),
                anchored(&ledger.anchorage, self.language).into(),
            ),
        ];
        if let Some(ppm) = ledger.sample_ppm {
            let sample = self
                .say("无须说明的列表中完整留存的抽样(百万分之)", "Sample kept in full of other lists, in a million");
            facts.push((sample, grouped(u64::from(ppm)).into()));
        }
        if !ledger.purges.is_empty() {
            facts.push((self.say("已销毁的密钥", "Keys destroyed"), ledger.purges.join("; ").into()));
        }
        page.facts(facts);
        let head = [
            self.say("模块", "Module"),
            self.say("失败方式", "How"),
            self.say("替代处理", "Done instead"),
            self.say("次数", "Times"),
        ];
        let mut table =
            Table::new(self.say("模块失败与替代处理", "Modules that failed, and what was done instead"), head);
        for failed in &self.figures.failures {
            table.row([
                Cell::Code(failed.policy.clone()),
                Cell::Code(failed.kind.clone()),
                Cell::Code(failed.applied.clone()),
                count(failed.times),
            ]);
        }
        if table.rows.is_empty() {
            page.paragraph(self.say("区间内没有模块失败。", "No module failed in this time."));
        }
        page.table(table);
        self.disturbed(page);
        let stale = self.figures.notices.get("stale").copied().unwrap_or_default();
        if stale > 0 {
            page.note(self.language.pick(
                format!("有 {} 次判定所用的规则来源已过期:平台没有按时更新。", grouped(stale)),
                format!("{} times a list was judged by what had expired: the platform had not synced.", grouped(stale)),
            ));
        }
        let mut table = Table::new(self.say("提示", "Notices"), [self.say("代码", "Code"), self.say("次数", "Times")]);
        for (code, times) in &self.figures.notices {
            table.row([Cell::Code(code.clone()), count(*times)]);
        }
        page.table(table);
        page.note(self.say(
            "安全评估的其他内容(负责人与机构、用户真实身份核验、投诉处理、执法配合等)不在台账之中。",
            "The rest of a security assessment (the officer, verified identities, complaints, cooperation) is not in a ledger.",
        ));
    }

    /// Calls that ended by what neither module nor input determines, as the platform says.
    fn disturbed(&self, page: &mut Page) {
        disturbed(&self.figures.disturbed, page, self.language);
    }

    fn shadow(&self, page: &mut Page) {
        if self.figures.shadow.is_empty() {
            return;
        }
        page.heading(self.say("仅观察的规则", "Rules in shadow: reported, not applied"));
        let head = [
            self.say("规则", "Rule"),
            self.say("涉及列表", "Lists"),
            self.say("本会产生的处理", "What it would have done"),
        ];
        let mut table = Table::new(self.say("本会产生的差异", "What would have been different"), head);
        for (rule, shadow) in &self.figures.shadow {
            let effects = shadow.effects.iter().map(|(effect, times)| format!("{effect} {}", grouped(*times)).into());
            table.row([self.rule(rule), count(shadow.lists), Cell::lines(effects)]);
        }
        page.table(table);
    }

    /// A rule in its own words.
    fn rule(&self, id: &str) -> Cell {
        let rules = self.manifests.iter().flat_map(|manifest| &manifest.rules);
        match rules.into_iter().find(|rule| rule.id == id) {
            Some(rule) => Cell::Lines(vec![self.language.of(&rule.sentence).into(), Cell::Code(id.to_owned())]),
            None => Cell::Code(id.to_owned()),
        }
    }

    fn surface(&self, surface: &str) -> String {
        match surface {
            NO_SURFACE => self.say("未说明", "not named").into(),
            known => Words::shipped().surface(known, self.language).into(),
        }
    }

    fn group(&self, group: Group) -> &'static str {
        group_name(group, self.language)
    }
}

/// Calls that were recorded as disturbed, by module.
pub(crate) fn disturbed(calls: &BTreeMap<String, BTreeMap<String, u64>>, page: &mut Page, language: Language) {
    if calls.is_empty() {
        return;
    }
    let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
    let head = [say("模块", "Module"), say("情形", "How"), say("次数", "Times")];
    let mut table = Table::new(say("记录为受干扰的调用", "Calls that are recorded as disturbed"), head);
    for (module, kinds) in calls {
        for (kind, times) in kinds {
            table.row([Cell::Code(module.clone()), Cell::Code(kind.clone()), count(*times)]);
        }
    }
    page.table(table);
    page.note(say(
        "受干扰的调用(超时、熔断、没有空闲实例)如何结束,仅有平台的记录为据;重新判定只会重现该记录。",
        "That a call ran out of time, met an open breaker or found no free slot is the platform's word: judging again only repeats it.",
    ));
}

/// How far a ledger is anchored outside, in words.
pub(crate) fn anchored(anchorage: &Anchorage, language: Language) -> String {
    let Anchorage { anchor, frames, old } = anchorage;
    let Some(anchor) = anchor else {
        return language.pick(format!("{frames} 帧中没有任何一帧经外部见证"), anchorage.to_string());
    };
    let (day, late) = (Day::containing(anchor.at_ms()), if *old { ";距今已久" } else { "" });
    let zh = format!("{} 于 {day} 见证了 {frames} 帧中的 {} 帧{late}", anchor.by, anchor.size);
    language.pick(zh, anchorage.to_string())
}

/// A group of users in words.
pub(crate) fn group_name(group: Group, language: Language) -> &'static str {
    match group {
        Group::Minor => language.pick("未成年人", "minors"),
        Group::Elder => language.pick("老年人与长辈模式", "elders"),
        Group::Adult => language.pick("成年人", "adults"),
        Group::Unknown => language.pick("年龄未知", "age unknown"),
    }
}
