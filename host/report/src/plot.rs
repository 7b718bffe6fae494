//! Plots as SVG inside a page: bars, divided bars, lines. Colours come from the page's style, so that they fit light and dark.

use std::fmt::Write;

use normgate::Language;

use crate::escape::escape;
use crate::page::{Plot, Shape, clean, grouped, percent};

/// Width of a plot, in the units of its view box; its text is 12 of them high.
const WIDTH: f64 = 720.0;
/// Width of the names of the points.
const NAMES: f64 = 210.0;
/// Room for the number behind a bar.
const NUMBERS: f64 = 90.0;
/// Height of a bar, and of a bar with the space below it.
const BAR: f64 = 16.0;
const STEP: f64 = 24.0;
/// Height of the legend.
const LEGEND: f64 = 26.0;
/// Height of the field of a plot of lines.
const FIELD: f64 = 190.0;

pub(crate) fn svg(plot: &Plot, language: Language) -> String {
    let mut drawing = String::new();
    // Writing to a string cannot fail.
    let height = match plot.shape {
        Shape::Bars | Shape::Shares => bars(&mut drawing, plot),
        Shape::Lines => lines(&mut drawing, plot),
    }
    .unwrap_or(LEGEND);
    let below = language.pick("数值见下表", "its numbers stand in the table below");
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}; {below}\">\n{drawing}</svg>\n</div>\n",
        escape(&plot.title)
    )
}

fn bars(out: &mut String, plot: &Plot) -> Result<f64, std::fmt::Error> {
    let divided = plot.shape == Shape::Shares;
    let top = if divided { legend(out, plot)? } else { 4.0 };
    let room = WIDTH - NAMES - NUMBERS;
    let whole = |values: &[u64]| values.iter().sum::<u64>();
    let largest = plot.points.iter().map(|(_, values)| whole(values)).max().unwrap_or(0).max(1);
    for (index, (name, values)) in plot.points.iter().enumerate() {
        let y = top + index as f64 * STEP;
        let text = y + BAR - 4.0;
        writeln!(out, "<text x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>", NAMES - 8.0, short(name))?;
        let sum = whole(values);
        let full = if divided { sum.max(1) } else { largest };
        let mut x = NAMES;
        for (series, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let width = *value as f64 / full as f64 * room;
            let title = match plot.series.get(series) {
                Some(name) if divided => format!("{name}: {}", percent(*value, sum)),
                _ => grouped(*value),
            };
            writeln!(
                out,
                "<rect class=\"f{}\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{BAR}\"><title>{}</title></rect>",
                plot.colour(series),
                escape(&title)
            )?;
            x += width;
        }
        let at = if divided { WIDTH - NUMBERS } else { x };
        writeln!(out, "<text class=\"dim\" x=\"{:.1}\" y=\"{text:.1}\">{}</text>", at + 8.0, grouped(sum))?;
    }
    Ok(top + plot.points.len() as f64 * STEP)
}

fn lines(out: &mut String, plot: &Plot) -> Result<f64, std::fmt::Error> {
    let top = legend(out, plot)? + 6.0;
    let (left, right) = (56.0, WIDTH - 16.0);
    let largest = plot.points.iter().flat_map(|(_, values)| values).copied().max().unwrap_or(0);
    let ceiling = ceiling(largest);
    let y = |value: u64| top + FIELD - value as f64 / ceiling as f64 * FIELD;
    let last = plot.points.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| left + (right - left) * index as f64 / last;
    for quarter in 0..=4u64 {
        let value = ceiling * quarter / 4;
        writeln!(
            out,
            "<line class=\"rule\" x1=\"{left}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text class=\"dim\" x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            left - 6.0,
            y(value) + 4.0,
            tick(value)
        )?;
    }
    for series in 0..plot.series.len() {
        let value = |values: &[u64]| values.get(series).copied().unwrap_or(0);
        let corners: Vec<String> = (plot.points.iter().enumerate())
            .map(|(index, (_, values))| format!("{:.1},{:.1}", x(index), y(value(values))))
            .collect();
        let colour = plot.colour(series);
        writeln!(out, "<polyline class=\"line l{colour}\" points=\"{}\"/>", corners.join(" "))?;
        for corner in corners {
            if let Some((x, y)) = corner.split_once(',') {
                writeln!(out, "<circle class=\"f{colour}\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>")?;
            }
        }
    }
    // At most six names below, so that they don't run into each other.
    let every = plot.points.len().div_ceil(6).max(1);
    for (index, (name, _)) in plot.points.iter().enumerate().step_by(every) {
        let anchor = match index {
            0 => "start",
            _ if index + every >= plot.points.len() && plot.points.len() > 1 => "end",
            _ => "middle",
        };
        let (x, y) = (x(index), top + FIELD + 18.0);
        writeln!(out, "<text class=\"dim\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", short(name))?;
    }
    Ok(top + FIELD + 26.0)
}

/// The names of the series with their colours; the height that they take.
fn legend(out: &mut String, plot: &Plot) -> Result<f64, std::fmt::Error> {
    let (mut x, mut y) = (0.0, 2.0);
    for (series, name) in plot.series.iter().enumerate() {
        let name = clipped(name);
        let width = 34.0 + 12.0 * wide(&name);
        if x > 0.0 && x + width > WIDTH {
            (x, y) = (0.0, y + LEGEND);
        }
        writeln!(
            out,
            "<rect class=\"f{}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"12\" height=\"12\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            plot.colour(series),
            x + 18.0,
            y + 10.5,
            escape(&name)
        )?;
        x += width;
    }
    Ok(y + LEGEND - 2.0)
}

/// A name that fits beside a bar.
fn short(name: &str) -> String {
    escape(&clipped(name))
}

fn clipped(name: &str) -> String {
    let room = (NAMES - 12.0) / 12.0;
    let name = clean(name);
    if wide(&name) <= room {
        return name;
    }
    let mut out = String::new();
    for character in name.chars() {
        if wide(&out) + 1.0 > room {
            break;
        }
        out.push(character);
    }
    out.push('…');
    out
}

/// How wide a text is, in widths of a Chinese character: a Latin one takes somewhat more than half of it.
fn wide(text: &str) -> f64 {
    text.chars().map(|character| if u32::from(character) < 0x2e80 { 0.56 } else { 1.0 }).sum()
}

/// A round share in ppm that is at least this one.
fn ceiling(ppm: u64) -> u64 {
    [1_000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000]
        .into_iter()
        .find(|round| *round >= ppm)
        .unwrap_or(ppm)
}

/// A share at an axis.
fn tick(ppm: u64) -> String {
    let percent = format!("{:.3}", ppm as f64 / 1e4);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}
