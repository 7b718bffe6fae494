//! The reports that need no ledger: the page for the public, the filing record and its deadlines, the badge.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use normgate::contract::Day;
use normgate::{Gate, Language, embedded};
use normgate_report::{Badge, Calendar, Event, Filing, FilingError, Profile, disclosure};

const PROVIDER: &str = include_str!("../../../docs/reports/provider.toml");
const CALENDAR: &str = include_str!("../../../docs/reports/calendar.toml");

fn profile() -> Profile {
    Profile::parse(PROVIDER).unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn calendar() -> Calendar {
    let mut calendar = Calendar::default();
    calendar.add(CALENDAR).unwrap();
    calendar
}

fn gate(config: &str) -> Gate {
    let modules =
        embedded::arp().into_iter().filter(|m| ["art09", "art18", "art05.delivery"].contains(&&*m.manifest.module));
    Gate::builder()
        .policies(modules)
        .config(normgate::Config::parse(config).unwrap())
        .as_of(day("2026-11-01"))
        .build()
        .unwrap()
}

#[test]
fn the_page_tells_the_rules_of_the_set_that_judges() {
    let gate = gate("[parameters]\n\"art18.rest_s\" = 1200\n[modes]\n\"art18.curfew\" = \"shadow\"\n");
    let text = |language| {
        disclosure(&profile(), &gate.policy_set(), day("2026-11-01"), &["elder-ui".into()], language)
            .unwrap()
            .to_markdown()
    };
    let (en, zh) = (text(Language::En), text(Language::Zh));
    let line = |page: &str, word: &str| page.lines().find(|line| line.contains(word)).unwrap_or_default().to_owned();
    // What the provider says.
    assert!(line(&en, "Match of interests").contains("60 %"));
    assert!(line(&en, "Freshness").contains("minor") && line(&en, "Engagement").contains("not stated"));
    assert!(en.contains("Settings \\> Privacy") && zh.contains("设置 \\> 隐私"));
    assert!(en.contains("网信算备000000000000000000001号"));
    assert!(!en.contains("算法安全部"), "who owns a system is not for the public");
    // What the modules say, with the values of this platform.
    assert!(line(&en, "`art18.rest_s` |").contains("| 20 min | 30 min |"), "{}", line(&en, "`art18.rest_s` |"));
    assert!(line(&en, "`art18.curfew` |").contains("reported only, not applied"));
    assert!(line(&zh, "`art18.curfew` |").contains("仅记录,不生效"));
    assert!(line(&en, "`art18.game-window` |").starts_with('|'));
    assert!(en.contains("“delivery”: reported and not applied"));
    assert!(line(&en, "`art18.curfew` |").contains("draft") && zh.contains("草拟"));
    assert!(en.contains("reference reading of the law"));
    assert!(line(&en, "What it reads of a person").contains("worker: vehicle"), "art05.delivery comes first");
    for module in gate.policy_set().manifests() {
        for rule in &module.rules {
            assert!(en.contains(&rule.id) && zh.contains(&rule.sentence.zh[..9]), "{} is told", rule.id);
        }
    }
    assert!(gate.policy_set().manifests().any(|m| m.module == "art18"));
    // Another value makes another page, by its set.
    assert!(!en.contains(self::gate("").policy_set().digest()));
}

#[test]
fn the_filing_record_has_the_form_of_the_filing() {
    let filing = Filing::of(&profile(), &[], Some(&calendar())).unwrap();
    let record = &filing.record;
    assert_eq!(record["algorithm"]["category"], "个性化推送类");
    assert_eq!(record["subject"]["name"], "样例科技有限公司");
    assert_eq!(record["products"][0]["functions"][0]["name"], "信息流");
    assert_eq!(record["algorithm"]["online_date"], "2091-01-02", "a day of TOML is a text");
    assert!(record.get("disclosure").is_none());
    let due: Vec<_> =
        filing.deadlines.iter().map(|d| (d.event, d.article, d.working_days, d.last_day.to_string())).collect();
    assert_eq!(
        due,
        [(Event::Start, "24", 10, "2091-01-16".into()), (Event::Submit, "25", 30, "2091-02-20".into())],
        "from what the record dates: 4, 5, 6 (worked), 8 to 12, 15, 16"
    );
    let asked = Filing::of(&profile(), &[(Event::End, day("2091-03-09"))], Some(&calendar())).unwrap();
    assert_eq!(asked.deadlines[0].last_day, day("2091-04-09"), "20 working days, the 14th of March off");
    assert!(Filing::of(&profile(), &[], None).unwrap().deadlines.is_empty());
    let beyond = Filing::of(&profile(), &[(Event::Change, day("2091-12-27"))], Some(&calendar())).unwrap_err();
    assert!(beyond.to_string().starts_with("2092-01-01 lies outside"), "{beyond}");
}

#[test]
fn every_field_that_is_missing_or_wrong_is_said_by_its_path() {
    let said = |from: &str, to: &str| {
        assert!(PROVIDER.contains(from), "{from}");
        let profile = Profile::parse(&PROVIDER.replacen(from, to, 1)).unwrap();
        match Filing::of(&profile, &[], None) {
            Err(FilingError::Incomplete(problems)) => {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }
            other => format!("{other:?}"),
        }
    };
    assert_eq!(said("pledge_doc = \"pledge.pdf\"", ""), "subject.pledge_doc: is missing");
    assert_eq!(said("brief = \"依据兴趣标签推荐短视频。\"", "brief = \" \""), "algorithm.brief: is empty");
    assert!(
        said("category = \"push\"", "category = \"推荐\"")
            .starts_with("algorithm.category: \"推荐\" is not one of generate (生成合成类)")
    );
    assert!(
        said("\"91000000MA00000000\"", "\"91000000\"")
            .contains("subject.credit_code: \"91000000\" is not a unified social credit code")
    );
    assert!(said("https://sample.example/app", "sample.example/app").starts_with("products[0].url:"));
    assert_eq!(said("intro = \"个性化推荐短视频\"", ""), "products[0].functions[0].intro: is missing");
    assert_eq!(said("mau = 1200000", "mau = \"many\""), "subject.mau: \"many\" is not a whole number from 0");
    assert_eq!(said("mau = 1200000", "mau = 1200000\nmua = 1"), "subject.mua: there is no such field");
    assert!(said("online_date = 2091-01-02", "online_date = 20910102").contains("is not a day"));
    assert!(said("filing_no = ", "# ").contains("filing_no: is missing, and the state is granted"));
    let nothing = Profile::parse("{}").unwrap();
    let Err(FilingError::Incomplete(problems)) = Filing::of(&nothing, &[], None) else {
        unreachable!("a profile of nothing")
    };
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["subject", "algorithm", "products", "state"], "what is missing above is said once");
    assert!(disclosure(&nothing, &gate("").policy_set(), day("2026-11-01"), &[], Language::En).is_err());
    assert!(Profile::parse("a = ").is_err());
}

#[test]
fn the_badge_shows_a_number_that_is_in_force() {
    let badge = Badge::of(&profile(), Language::Zh).unwrap();
    assert_eq!(
        badge.to_html(),
        "<p class=\"filing\" lang=\"zh-CN\"><a href=\"https://beian.cac.gov.cn\" rel=\"noopener noreferrer\">\
         算法备案编号:网信算备000000000000000000001号</a></p>\n"
    );
    assert_eq!(badge.to_markdown(), "[算法备案编号:网信算备000000000000000000001号](<https://beian.cac.gov.cn>)\n");
    for (from, to, path) in [("\"granted\"", "\"cancelled\"", "state"), ("filing_no", "# filing_no", "filing_no")] {
        let problems = Badge::of(&Profile::parse(&PROVIDER.replacen(from, to, 1)).unwrap(), Language::En).unwrap_err();
        assert_eq!(problems[0].path, path);
    }
}
