//! A document as Markdown, as GitHub and CommonMark read it.

use std::fmt::Write;

use crate::page::{Cell, Page, Part, Table, clean, is_link};

impl Page {
    /// The document as Markdown. A plot is written as its table.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("# {}\n", escape(&self.title));
        for part in &self.parts {
            out.push('\n');
            write_part(&mut out, part);
        }
        out
    }
}

/// A cell outside of a table.
pub(crate) fn cell(cell: &Cell) -> String {
    write_cell(cell, false)
}

fn write_cell(cell: &Cell, in_table: bool) -> String {
    let inner = |cells: &[Cell]| cells.iter().map(|cell| write_cell(cell, in_table)).collect::<Vec<_>>();
    match cell {
        Cell::Text(text) | Cell::Number(text) => escape(text),
        Cell::Code(text) => code(text, in_table),
        Cell::Link { text, url } if is_link(url) => format!("[{}](<{}>)", escape(text), address(url)),
        Cell::Link { text, url } => escape(&format!("{text} ({url})")),
        Cell::Line(cells) => inner(cells).concat(),
        Cell::Lines(cells) => inner(cells).join("<br>"),
    }
}

fn write_part(out: &mut String, part: &Part) {
    // Writing to a string cannot fail.
    let _ = match part {
        Part::Heading(level, text) => writeln!(out, "{} {}", "#".repeat(usize::from(*level)), escape(text)),
        Part::Paragraph(text) => writeln!(out, "{}", cell(text)),
        Part::Note(text) => writeln!(out, "> {}", cell(text)),
        Part::Facts(facts) => {
            facts.iter().try_for_each(|(name, value)| writeln!(out, "- **{}**: {}", escape(name), cell(value)))
        }
        Part::Table(table) => write_table(out, table),
        Part::Plot(plot) => write_table(out, &plot.table()),
    };
}

fn write_table(out: &mut String, table: &Table) -> std::fmt::Result {
    if !table.caption.is_empty() {
        writeln!(out, "**{}**\n", escape(&table.caption))?;
    }
    let head: Vec<String> = table.head.iter().map(|name| escape(name)).collect();
    writeln!(out, "| {} |", head.join(" | "))?;
    let numbers = |column: usize| table.rows.iter().any(|row| row.get(column).is_some_and(Cell::is_number));
    let rule: String = (0..head.len()).map(|column| if numbers(column) { "---:|" } else { "---|" }).collect();
    writeln!(out, "|{rule}")?;
    for row in &table.rows {
        writeln!(out, "| {} |", row.iter().map(|cell| write_cell(cell, true)).collect::<Vec<_>>().join(" | "))?;
    }
    Ok(())
}

/// Text in which nothing is markup: no emphasis, no HTML, no link (a bare address would be one), no cell border.
fn escape(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for (index, character) in text.char_indices() {
        let before = &text[..index];
        let rest = &text[index + character.len_utf8()..];
        let marks = match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' | '@' | '!' => true,
            // At the beginning of a block these make a heading, a list or a rule.
            '#' | '+' | '-' | '=' => before.trim().is_empty(),
            '.' | ')' => {
                let begins = before.trim();
                let ends = rest.is_empty() || rest.starts_with(' ');
                let numbered = ends && !begins.is_empty() && begins.bytes().all(|byte| byte.is_ascii_digit());
                numbered || (character == '.' && before.to_ascii_lowercase().ends_with("www"))
            }
            ':' => rest.starts_with("//"),
            _ => false,
        };
        if marks {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// A code span whose fence is longer than any run of fences inside. A border of a table's cell is escaped even there.
fn code(text: &str, in_table: bool) -> String {
    let mut text = clean(text);
    if in_table {
        text = text.replace('|', "\\|");
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        String::new()
    } else if longest > 0 {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

fn address(url: &str) -> String {
    url.replace('\\', "%5C").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C")
}
