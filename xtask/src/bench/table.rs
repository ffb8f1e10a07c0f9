//! Tables in Markdown.

use std::time::Duration;

use super::row::Row;

/// The sample below which `percent` of a hundred are.
pub(super) fn percentile(samples: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

pub(super) fn median(row: &Row<'_>) -> Option<Duration> {
    percentile(&row.samples, 50)
}

/// A line for each row; with how many times the row `unit` it takes, where there is one.
pub(super) fn of_times(title: &str, rows: &[Row<'_>], unit: Option<&str>) -> String {
    let floor = unit.and_then(|unit| rows.iter().find(|row| row.name == unit)).and_then(median);
    let (head, rule) = if floor.is_some() { (" times the floor |", "---:|") } else { ("", "") };
    let mut text = format!("### {title}\n\n| row | median | p10 | p90 |{head} what |\n");
    text += &format!("|---|---:|---:|---:|{rule}---|\n");
    for row in rows {
        text += &format!("| {} | {} {} |\n", row.name, figures(row, floor), row.what);
    }
    text
}

fn figures(row: &Row<'_>, floor: Option<Duration>) -> String {
    let cell = |percent| percentile(&row.samples, percent).map_or_else(String::new, milliseconds);
    let times = |floor| median(row).map_or_else(String::new, |own| format!("{:.2}", ratio(own, floor)));
    let last = floor.map_or_else(String::new, |floor| format!(" {} |", times(floor)));
    match &row.program {
        Err(why) => format!("{why} | | |{last}"),
        Ok(_) => format!("{} | {} | {} |{last}", cell(50), cell(10), cell(90)),
    }
}

/// What the project asks for, and what came out.
pub(super) fn criteria(rows: &[Row<'_>]) -> String {
    let of = |name: &str| rows.iter().find(|row| row.name == name).and_then(median);
    let mut text = String::new();
    let Some(holm) = of("holm run") else { return text };
    if let Some(floor) = of("floor (loop)") {
        text += &format!(
            "- `holm run` takes {:.2} times the floor's loop; at most 2 is asked for.\n",
            ratio(holm, floor)
        );
    }
    for (peer, least) in [("runc run", 3), ("podman run --rootfs", 10)] {
        if let Some(other) = of(peer) {
            text += &format!(
                "- It is {:.1} times as quick as `{peer}`; at least {least} is asked for.\n",
                ratio(other, holm)
            );
        }
    }
    text
}

pub(super) fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn milliseconds(time: Duration) -> String {
    let time = time.as_secs_f64() * 1000.0;
    if time < 100.0 { format!("{time:.2} ms") } else { format!("{time:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<Duration> = (1..=11).rev().map(Duration::from_millis).collect();
        let of = |percent| percentile(&samples, percent).unwrap().as_millis();
        assert_eq!((of(0), of(10), of(50), of(90), of(100)), (1, 2, 6, 10, 11));
        assert_eq!(percentile(&[], 50), None);
    }
}
