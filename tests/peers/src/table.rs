//! The medians as Markdown.

use crate::contenders::FROM_SLICE;
use crate::run::Median;
use crate::work::Work;

/// Prints a table for each work, every row with its ratios to bollard, to the raw socket, and for the
/// list to `from_slice`.
pub fn print(medians: &[Median]) {
    for work in Work::ALL {
        let rows: Vec<&Median> = medians.iter().filter(|median| median.work == work).collect();
        if rows.is_empty() {
            continue;
        }
        println!("\n**{}** ({})\n", work.title(), work.name());
        println!("| client | CPU per {} | of bollard | of raw | of from_slice | wall | peak RSS |{} ", unit(work), if counting() { " allocations |" } else { "" });
        println!("| --- | --- | --- | --- | --- | --- | --- |{}", if counting() { " --- |" } else { "" });
        for row in &rows {
            println!("{}", line(row, &rows));
        }
    }
}

fn counting() -> bool {
    cfg!(feature = "allocations")
}

fn line(row: &Median, rows: &[&Median]) -> String {
    let count = row.work.count() as f64;
    let ratio = |other: &str| {
        let other = rows.iter().find(|row| row.contender == other);
        other.map_or(String::new(), |other| format!("{:.2}", row.cpu / other.cpu))
    };
    let mut line = format!(
        "| {} | {} | {} | {} | {} | {} | {:.1} MiB |",
        row.contender,
        time(row.cpu / count),
        ratio("bollard"),
        ratio("raw"),
        ratio(FROM_SLICE),
        time(row.wall / count),
        row.rss / 1024.0,
    );
    if counting() {
        line += &format!(" {:.1} |", row.allocations / count);
    }
    line
}

fn time(microseconds: f64) -> String {
    match microseconds {
        us if us < 1000.0 => format!("{us:.2} µs"),
        us => format!("{:.2} ms", us / 1000.0),
    }
}

/// What the figures are divided by.
fn unit(work: Work) -> &'static str {
    match work {
        Work::Ping | Work::Ping16 | Work::List => "call",
        Work::Logs | Work::Exec => "MB",
    }
}
