//! What changes between two policy sets, as a page and as a table for a terminal.

use std::fmt;
use std::sync::Arc;

use normgate::contract::Manifest;
use normgate::{Language, Words};

use crate::assessment::NO_SURFACE;
use crate::assessment_page::{anchored, disturbed, group_name};
use crate::diff::{Change, Difference, Example, SideName};
use crate::page::{Cell, Page, Plot, Shape, Table, clean, count, grouped, percent, share};

impl Difference {
    /// The difference as a page. Rules are told in the words of these manifests, as far as they have them.
    pub fn page(&self, manifests: &[Arc<Manifest>], language: Language) -> Page {
        let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
        let mut page = Page::new(language, say("规则集差异", "What changes between two policy sets"));
        let total = self.total();
        page.facts([
            (say("基准", "Base"), self.base.words(language).into()),
            (say("对照", "Other side"), self.other.words(language).into()),
            (say("比较的列表", "Lists compared"), grouped(total.lists).into()),
            (say("仅有承诺值,未比较", "Commitments, not compared"), grouped(self.commitments).into()),
            (say("密钥已销毁,未比较", "Keys gone, not compared"), Cell::from(grouped(self.unreadable))),
        ]);
        if let Some(anchorage) = &self.anchorage {
            page.facts([(
                say("台账的外部见证", "The ledger's anchor outside"),
                Cell::from(anchored(anchorage, language)),
            )]);
        }
        let [changed, verdicts, withheld, released, moved] =
            [total.changed, total.verdicts, total.withheld, total.released, total.moved].map(grouped);
        let (of_lists, lost) = (percent(total.changed, total.lists), percent(total.lost, total.exposure));
        page.paragraph(language.pick(
            format!(
                "{changed} 个列表({of_lists})结果不同:{verdicts} 条判定改变,其中新增不展示 {withheld} 条,恢复展示 {released} 条;{moved} \
                 条位置改变;曝光转移 {lost}。"
            ),
            format!(
                "{changed} lists ({of_lists}) come out otherwise: {verdicts} verdicts change, of them {withheld} rows withheld that \
                 were not, and {released} shown again; {moved} rows move; rows lose {lost} of all exposure."
            ),
        ));
        self.rules(&mut page, manifests, language);
        page.heading(say("按位置", "By surface"));
        let surface = |name: &str| match name {
            NO_SURFACE => say("未说明", "not named").to_owned(),
            name => Words::shipped().surface(name, language).to_owned(),
        };
        let surfaces: Vec<_> = self.by_surface().into_iter().map(|(name, change)| (surface(name), change)).collect();
        lists(&mut page, say("位置", "surface"), &surfaces, language);
        page.heading(say("按用户群体", "By group of users"));
        let groups: Vec<_> = (self.by_group().into_iter())
            .map(|(group, change)| (group_name(group, language).to_owned(), change))
            .collect();
        lists(&mut page, say("用户群体", "group"), &groups, language);
        self.owed(&mut page, language);
        disturbed(&self.disturbed, &mut page, language);
        page.note(say(
            "两侧均按记录时的时钟与情况判定;曝光按 1/log2(位置+2) 加权;“仅移动”的条目因其他条目改变而换位。",
            "Both sides judge by the clock and the circumstances of the record. Exposure weighs a place 1/log2(place + 2). A row that \
             only moves does so because others change.",
        ));
        page
    }

    fn rules(&self, page: &mut Page, manifests: &[Arc<Manifest>], language: Language) {
        let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
        page.heading(say("按规则", "By rule"));
        let rules = self.by_rule();
        if rules.is_empty() {
            page.paragraph(say("没有规则产生差异。", "No rule makes a difference."));
        }
        let mut plot = Plot::new(
            Shape::Bars,
            say("改变判定最多的规则", "Rules that change most verdicts"),
            say("规则", "rule"),
            [say("改变的判定", "verdicts")],
        );
        for (rule, change) in rules.iter().filter(|(_, change)| change.verdicts > 0).take(12) {
            plot.point(*rule, [change.verdicts]);
        }
        page.plot(plot);
        let head = [
            say("规则", "Rule"),
            say("列表", "Lists"),
            say("判定", "Verdicts"),
            say("新增不展示", "Withheld"),
            say("恢复展示", "Shown again"),
            say("失去曝光", "Exposure lost"),
            say("获得曝光", "Exposure gained"),
            say("义务 +", "Owed +"),
            say("义务 −", "Owed −"),
            say("示例", "Example"),
        ];
        let mut table = Table::new(say("各规则的差异", "What each rule changes"), head);
        for (rule, change) in rules {
            let exposure = |sum: u64| Cell::Number(format!("{:.1}", sum as f64 / 1e6));
            table.row([
                named(rule, manifests, language),
                count(change.lists),
                count(change.verdicts),
                count(change.withheld),
                count(change.released),
                exposure(change.lost),
                exposure(change.gained),
                count(change.owed_more),
                count(change.owed_less),
                self.examples.get(rule).map_or_else(Cell::none, |example| Cell::Text(example.to_string())),
            ]);
        }
        page.table(table);
    }

    fn owed(&self, page: &mut Page, language: Language) {
        let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
        let head = [say("义务", "What is owed"), say("新增", "comes"), say("消失", "goes")];
        let mut table = Table::new(say("义务的变化", "Obligations that change"), head);
        for (code, [more, less]) in &self.obligations {
            let name = Words::shipped().obligation(code, language);
            table.row([Cell::Lines(vec![name.into(), Cell::Code(code.clone())]), count(*more), count(*less)]);
        }
        if !table.rows.is_empty() {
            page.heading(say("义务", "Obligations"));
        }
        page.table(table);
    }
}

/// What changes in lists, name by name: a plot of what becomes of rows, and the figures.
fn lists(page: &mut Page, of: &str, changes: &[(String, Change)], language: Language) {
    let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
    let series = [
        say("不变", "as they were"),
        say("恢复展示", "shown again"),
        say("其他判定改变", "another verdict"),
        say("新增不展示", "withheld"),
    ];
    let mut plot =
        Plot::new(Shape::Shares, say("内容条目的变化", "What becomes of rows"), of, series).colours([5, 1, 2, 3]);
    let head = [
        of,
        say("列表", "Lists"),
        say("结果不同", "Otherwise"),
        say("判定", "Verdicts"),
        say("移动", "Moved"),
        say("失去曝光占比", "Exposure lost"),
        say("义务 +", "Owed +"),
        say("义务 −", "Owed −"),
        say("标签、禁用与问题", "Tags, vetoes, findings"),
    ];
    let mut table = Table::new(say("列表与曝光的变化", "What becomes of lists and exposure"), head);
    for (name, change) in changes {
        let other = change.verdicts - change.withheld - change.released;
        plot.point(name, [change.rows - change.verdicts, change.released, other, change.withheld]);
        table.row([
            name.as_str().into(),
            count(change.lists),
            count(change.changed),
            count(change.verdicts),
            count(change.moved),
            share(change.lost, change.exposure),
            count(change.owed_more),
            count(change.owed_less),
            count(change.other),
        ]);
    }
    page.plot(plot);
    page.table(table);
}

fn named(id: &str, manifests: &[Arc<Manifest>], language: Language) -> Cell {
    let rule = manifests.iter().flat_map(|manifest| &manifest.rules).find(|rule| rule.id == id);
    let sentence = rule.map(|rule| Cell::from(language.of(&rule.sentence)));
    Cell::Lines(sentence.into_iter().chain([Cell::Code(id.to_owned())]).collect())
}

impl SideName {
    fn words(&self, language: Language) -> String {
        let options = self.options.join(" ");
        match (self.recorded, self.options.is_empty()) {
            (true, true) => language.pick("台账所记录的结果", "what was recorded").into(),
            (true, false) => language
                .pick(format!("台账所记录的规则集,改为 {options}"), format!("what was recorded, but for {options}")),
            (false, true) => language.pick("内置规则集", "the embedded set").into(),
            (false, false) => options,
        }
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)?;
        // Ids are foreign text, and a terminal is steered by some of it.
        self.id.iter().chain(&self.candidate).try_for_each(|id| write!(f, " {}", clean(id)))
    }
}

/// As tables for a terminal: rules, surfaces, groups.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let (base, other) = (self.base.words(Language::En), self.other.words(Language::En));
        writeln!(f, "base   {}\nother  {}", clean(&base), clean(&other))?;
        if let Some(anchorage) = &self.anchorage {
            writeln!(f, "anchor {anchorage}")?;
        }
        for (module, kinds) in &self.disturbed {
            let kinds: Vec<String> = kinds.iter().map(|(kind, times)| format!("{times} {kind}")).collect();
            writeln!(f, "{}: calls that are recorded as disturbed: {}", clean(module), kinds.join(", "))?;
        }
        writeln!(f)?;
        let rules: Vec<(String, Change)> =
            self.by_rule().into_iter().map(|(rule, change)| (rule.to_owned(), change)).collect();
        lines(f, "rule", &rules, |rule| {
            self.examples.get(rule).map_or(String::new(), |example| format!("  {}", clean(&example.to_string())))
        })?;
        let none = |_: &str| String::new();
        let surfaces: Vec<_> = self.by_surface().into_iter().map(|(name, change)| (name.to_owned(), change)).collect();
        lines(f, "surface", &surfaces, none)?;
        let groups = self.by_group().into_iter();
        let groups: Vec<_> = groups.map(|(group, c)| (group_name(group, Language::En).to_owned(), c)).collect();
        lines(f, "group", &groups, none)?;
        write!(
            f,
            "{} lists compared, {} come out otherwise; rows lose {} of all exposure; {} are commitments, {} have no key any more",
            total.lists,
            total.changed,
            percent(total.lost, total.exposure),
            self.commitments,
            self.unreadable
        )
    }
}

fn lines(
    f: &mut fmt::Formatter<'_>,
    of: &str,
    changes: &[(String, Change)],
    behind: impl Fn(&str) -> String,
) -> fmt::Result {
    if changes.is_empty() {
        return Ok(());
    }
    let width = changes.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(of.len());
    write!(f, "{of:width$}")?;
    for head in ["lists", "verdicts", "withheld", "released", "moved", "owed +", "owed -"] {
        write!(f, "  {head:>8}")?;
    }
    writeln!(f, "  {:>9}", "exposure")?;
    for (name, change) in changes {
        let Change { changed, verdicts, withheld, released, moved, owed_more, owed_less, .. } = *change;
        write!(f, "{name:width$}")?;
        for number in [changed, verdicts, withheld, released, moved, owed_more, owed_less] {
            write!(f, "  {number:>8}")?;
        }
        let net = (change.gained as f64 - change.lost as f64) / 1e6;
        writeln!(f, "  {net:>+9.1}{}", behind(name))?;
    }
    writeln!(f)
}
