//! A document as one HTML file: no script, nothing fetched, legible in Chinese and English, on paper and in the dark.

use std::fmt::Write;

use normgate::Language;

use crate::escape::escape;
use crate::page::{Cell, Page, Part, Table, is_link};
use crate::plot;

const STYLE: &str = include_str!("style.css");

impl Page {
    /// The document as HTML, complete in itself.
    pub fn to_html(&self) -> String {
        let title = escape(&self.title);
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<main>\n<h1>{title}</h1>\n",
            tag(self.language),
        );
        for part in &self.parts {
            // Writing to a string cannot fail.
            let _ = write_part(&mut out, part, self.language);
        }
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }
}

/// The language as HTML names it.
pub(crate) fn tag(language: Language) -> &'static str {
    language.pick("zh-CN", "en")
}

fn write_part(out: &mut String, part: &Part, language: Language) -> std::fmt::Result {
    match part {
        Part::Heading(level, text) => writeln!(out, "<h{level}>{}</h{level}>", escape(text)),
        Part::Paragraph(text) => writeln!(out, "<p>{}</p>", cell(text)),
        Part::Note(text) => writeln!(out, "<p class=\"note\">{}</p>", cell(text)),
        Part::Facts(facts) => {
            writeln!(out, "<dl>")?;
            for (name, value) in facts {
                writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), cell(value))?;
            }
            writeln!(out, "</dl>")
        }
        Part::Table(table) => write_table(out, table, true),
        Part::Plot(plot) => {
            writeln!(out, "<figure>\n<figcaption>{}</figcaption>", escape(&plot.title))?;
            out.push_str(&plot::svg(plot, language));
            // Its caption is the figure's.
            write_table(out, &plot.table(), false)?;
            writeln!(out, "</figure>")
        }
    }
}

fn write_table(out: &mut String, table: &Table, captioned: bool) -> std::fmt::Result {
    // A wide table scrolls by itself, and can be reached with the keyboard for that.
    let name = escape(&table.caption);
    writeln!(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\">\n<table>")?;
    if captioned && !name.is_empty() {
        writeln!(out, "<caption>{name}</caption>")?;
    }
    let numbers = |column: usize| table.rows.iter().any(|row| row.get(column).is_some_and(Cell::is_number));
    write!(out, "<thead><tr>")?;
    for (column, name) in table.head.iter().enumerate() {
        let class = if numbers(column) { " class=\"number\"" } else { "" };
        write!(out, "<th scope=\"col\"{class}>{}</th>", escape(name))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in &table.rows {
        write!(out, "<tr>")?;
        for (column, value) in row.iter().enumerate() {
            match (column, value.is_number()) {
                (0, _) => write!(out, "<th scope=\"row\">{}</th>", cell(value))?,
                (_, true) => write!(out, "<td class=\"number\">{}</td>", cell(value))?,
                (_, false) => write!(out, "<td>{}</td>", cell(value))?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table>\n</div>")
}

pub(crate) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) | Cell::Number(text) => escape(text),
        Cell::Code(text) => format!("<code>{}</code>", escape(text)),
        Cell::Link { text, url } if is_link(url) => {
            format!("<a href=\"{}\" rel=\"noopener noreferrer\">{}</a>", escape(url), escape(text))
        }
        Cell::Link { text, url } => escape(&format!("{text} ({url})")),
        Cell::Line(cells) => cells.iter().map(self::cell).collect(),
        Cell::Lines(cells) => cells.iter().map(self::cell).collect::<Vec<_>>().join("<br>"),
    }
}
