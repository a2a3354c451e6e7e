//! Two small panels as SVG, time and memory over what grows. The same figures give the same bytes.

use std::fmt::Write;

/// What grows, and what it took.
#[derive(Debug, Clone)]
pub struct Point {
    pub label: String,
    pub size: f64,
    /// Milliseconds of processor time.
    pub time: f64,
    /// MiB at most.
    pub memory: f64,
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 34.0;
/// From the beginning of one panel to that of the next.
const STEP: f64 = WIDTH + 80.0;

/// `along` names what grows; `steep` draws time by its logarithm too, so that a line is linear.
pub fn svg(along: &str, points: &[Point], steep: bool) -> String {
    let (width, height) = (2.0 * STEP, TOP + HEIGHT + 50.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let times: Vec<f64> = points.iter().map(|point| point.time).collect();
    let memories: Vec<f64> = points.iter().map(|point| point.memory).collect();
    panel(&mut out, 0.0, &format!("processor time (ms) by {along}"), points, &times, steep);
    panel(&mut out, STEP, &format!("peak memory (MiB) by {along}"), points, &memories, false);
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, shift: f64, title: &str, points: &[Point], values: &[f64], steep: bool) {
    let left = LEFT + shift;
    let scale = Scale::of(values, steep);
    let _ =
        writeln!(out, "<text x=\"{left:.1}\" y=\"{:.1}\" font-weight=\"bold\">{title}</text>", TOP - 14.0);
    for mark in scale.marks() {
        let y = scale.y(mark);
        let _ = writeln!(
            out,
            "<line x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left + WIDTH,
            left - 6.0,
            y + 4.0,
            short(mark)
        );
    }
    let (first, last) = (points[0].size.ln(), points[points.len() - 1].size.ln());
    let mut line = String::new();
    for (point, value) in points.iter().zip(values) {
        let x = left + 12.0 + (WIDTH - 24.0) * (point.size.ln() - first) / (last - first).max(1e-9);
        let y = scale.y(*value);
        let _ = write!(line, "{x:.1},{y:.1} ");
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#06c\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#06c\">{}</text>",
            TOP + HEIGHT + 18.0,
            point.label,
            y - 7.0,
            short(*value)
        );
    }
    let _ = writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\"/>", line.trim_end());
}

/// From zero, or by the logarithm over whole powers of ten.
struct Scale {
    low: f64,
    high: f64,
    steep: bool,
}

impl Scale {
    fn of(values: &[f64], steep: bool) -> Scale {
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let least = values.iter().copied().fold(most, f64::min);
        if steep {
            return Scale { low: least.log10().floor(), high: most.log10().ceil(), steep };
        }
        // Room for the figure above the highest point.
        Scale { low: 0.0, high: round_up(most * 1.15), steep }
    }

    fn y(&self, value: f64) -> f64 {
        let value = if self.steep { value.log10() } else { value };
        TOP + HEIGHT * (1.0 - (value - self.low) / (self.high - self.low).max(1e-9))
    }

    fn marks(&self) -> Vec<f64> {
        if self.steep {
            let powers = (self.high - self.low) as usize;
            return (0..=powers).map(|power| 10_f64.powf(self.low + power as f64)).collect();
        }
        (0..=4).map(|quarter| self.high * f64::from(quarter) / 4.0).collect()
    }
}

/// The next number of one or two figures that can be quartered.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(10.0 * power)
}

/// Three figures are more than a plot shows.
fn short(value: f64) -> String {
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}
