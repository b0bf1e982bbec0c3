//! The medians as Markdown.

use crate::contenders::FROM_SLICE;
use crate::run::Median;
use crate::work::Work;

/// Prints a table for each work. Each row has its ratios to bollard, to the raw socket, and for the
/// list to `from_slice`.
pub fn print(medians: &[Median]) {
    for work in Work::ALL {
        let rows: Vec<&Median> = medians.iter().filter(|median| median.work == work).collect();
        if rows.is_empty() {
            continue;
        }
        println!("\n**{}** ({})\n", work.title(), work.name());
        println!("{}", heading(work));
        println!(
            "{}",
            "| --- ".repeat(heading(work).matches(" | ").count() + 1) + "|"
        );
        for row in &rows {
            println!("{}", line(row, &rows));
        }
    }
}

fn heading(work: Work) -> String {
    let unit = unit(work);
    let reference = if work == Work::List {
        " of from_slice |"
    } else {
        ""
    };
    let allocations = if counting() { " allocations |" } else { "" };
    format!(
        "| client | CPU per {unit} | of bollard | of raw |{reference} wall | of bollard | peak RSS |{allocations}"
    )
}

fn counting() -> bool {
    cfg!(feature = "allocations")
}

fn line(row: &Median, rows: &[&Median]) -> String {
    let count = row.work.count() as f64;
    let beside = |other: &str, of: fn(&Median) -> f64| {
        let other = rows.iter().find(|row| row.contender == other);
        other.map_or(String::new(), |other| format!("{:.2}", of(row) / of(other)))
    };
    let ratio = |other| beside(other, |row| row.cpu);
    let reference = match row.work {
        Work::List => format!(" {} |", ratio(FROM_SLICE)),
        _ => String::new(),
    };
    let mut line = format!(
        "| {} | {} | {} | {} |{reference} {} | {} | {:.1} MiB |",
        row.contender,
        time(row.cpu / count),
        ratio("bollard"),
        ratio("raw"),
        time(row.wall / count),
        beside("bollard", |row| row.wall),
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

/// The unit of the figures.
fn unit(work: Work) -> &'static str {
    match work {
        Work::Ping | Work::Ping16 | Work::Version | Work::List => "call",
        Work::Logs | Work::Exec | Work::Download | Work::Upload | Work::Save | Work::Load => "MB",
        Work::Events => "event",
    }
}
