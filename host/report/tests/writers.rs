//! What the writers make of a document, and what hostile text makes of them: nothing.

use normgate::Language;
use normgate_report::{Cell, Page, Plot, Shape, Table, count, share};

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "</title></style><img src=x onerror=alert(1)>",
    "| a | b |\n\n# heading\n- item",
    "[click](javascript:alert(1)) ![x](https://tracker.example/x.png) https://tracker.example www.tracker.example",
    "``` `a` ``",
    "*bold* _em_ ~~gone~~ $x$ &lt;",
    "abc\u{202e}fed\u{0007}",
];

fn page(texts: &[&str]) -> Page {
    let mut page = Page::new(Language::En, texts[0]);
    for text in texts {
        page.heading(*text);
        page.subheading(*text);
        page.paragraph(*text);
        page.note(Cell::Code((*text).to_owned()));
        page.facts([(*text, Cell::Link { text: (*text).to_owned(), url: (*text).to_owned() })]);
        let mut table = Table::new(*text, [*text, *text, "n"]);
        table.row([(*text).into(), Cell::codes([*text, *text]), count(1_234_567)]);
        page.table(table);
        for shape in [Shape::Bars, Shape::Shares, Shape::Lines] {
            let mut plot = Plot::new(shape, *text, *text, [*text]);
            plot.point(*text, [1]);
            plot.point(*text, [3]);
            page.plot(plot);
        }
    }
    page
}

#[test]
fn hostile_text_is_text_in_html() {
    let html = page(&HOSTILE).to_html();
    let body = html.split("</head>").nth(1).expect("a body");
    for markup in ["<script", "<img", "onmouseover=\"", "</style", "javascript:alert(1)\"", "\u{202e}", "\u{0007}"] {
        assert!(!body.contains(markup), "{markup} survived");
    }
    assert!(body.contains("&lt;script&gt;") && body.contains("⟨U+202E⟩"));
    // Nothing is fetched and nothing runs, whatever the texts say.
    assert!(html.contains("default-src 'none'") && !html.contains("src=\"") && !html.contains("@import"));
    let open = |name: &str| body.matches(&format!("<{name}")).count();
    let closed = |name: &str| body.matches(&format!("</{name}>")).count();
    for name in ["table", "td", "code", "svg", "figure", "dl", "h2", "text", "title"] {
        assert_eq!(open(name), closed(name), "{name} is not closed");
    }
}

#[test]
fn hostile_text_is_text_in_markdown() {
    let markdown = page(&HOSTILE).to_markdown();
    for line in markdown.lines() {
        // Outside of code spans nothing of a text is markup.
        let cells = line.replace("\\|", "").matches('|').count();
        assert!(!line.starts_with('|') || cells == 4 || cells == 3, "a text made a cell: {line}");
        assert!(!line.starts_with("- item") && !line.starts_with("# heading"), "{line}");
    }
    assert!(markdown.contains("\\<script\\>alert(1)\\</script\\>"));
    assert!(markdown.contains("\\[click\\](javascript:alert(1))"));
    assert!(markdown.contains("https\\://tracker.example www\\.tracker.example"));
    assert!(markdown.contains("\\*bold\\* \\_em\\_ \\~\\~gone\\~\\~ \\$x\\$ \\&lt;"));
    assert!(markdown.contains("```` ``` `a` `` ````"), "a fence is longer than what is inside");
    assert!(!markdown.contains('\u{202e}'));
}

#[test]
fn a_document_reads_in_both_forms() {
    let mut page = Page::new(Language::Zh, "报告");
    page.heading("概览");
    page.facts([
        ("名单", Cell::Code("a|b".into())),
        ("链接", Cell::Link { text: "备案".into(), url: "https://beian.cac.gov.cn".into() }),
    ]);
    let mut table = Table::new("判定", ["规则", "次数", "占比"]);
    table.row([Cell::Code("art18.tip".into()), count(12_345), share(1, 3)]);
    table.row(["无".into(), count(0), share(0, 0)]);
    page.table(table);
    page.table(Table::new("空", ["什么"]));
    let mut plot = Plot::new(Shape::Shares, "占比", "位置", ["展示", "拦截"]);
    plot.point("feed", [3, 1]);
    page.plot(plot);
    assert_eq!(
        page.to_markdown(),
        "# 报告\n\n## 概览\n\n- **名单**: `a|b`\n- **链接**: [备案](<https://beian.cac.gov.cn>)\n\n**判定**\n\n\
         | 规则 | 次数 | 占比 |\n|---|---:|---:|\n| `art18.tip` | 12,345 | 33.33 % |\n| 无 | 0 | – |\n\n**占比**\n\n\
         | 位置 | 展示 | 拦截 |\n|---|---:|---:|\n| feed | 3 (75.00 %) | 1 (25.00 %) |\n"
    );
    let html = page.to_html();
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"zh-CN\">"));
    assert!(html.contains("<a href=\"https://beian.cac.gov.cn\" rel=\"noopener noreferrer\">备案</a>"));
    assert!(html.contains("<th scope=\"row\"><code>art18.tip</code></th><td class=\"number\">12,345</td>"));
    assert!(html.contains("role=\"img\" aria-label=\"占比;") && html.contains("3 (75.00 %)"), "a plot has its numbers");
    assert!(!html.contains("空"), "a table without rows is left out");
}
