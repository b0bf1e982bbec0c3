//! Tables with aligned columns.

use crate::escape;

/// A table with aligned columns, two spaces apart; the last column is not padded.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let safe = |row: &[String; N]| std::array::from_fn(|at| escape::line(&row[at]).into_owned());
    let rows: Vec<[String; N]> = rows.iter().map(safe).collect();
    let head = head.map(str::to_owned);
    let all = || std::iter::once(&head).chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in all() {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ab".to_owned(), "c".to_owned()], ["é".to_owned(), String::new()]];
        assert_eq!(super::table(["X", "Y"], &rows), "X   Y\nab  c\né\n");
    }

    #[test]
    fn cell_stays_in_its_row() {
        let rows = [["a\nb".to_owned(), "\x1b[2J".to_owned()]];
        assert_eq!(super::table(["X", "Y"], &rows), "X     Y\na\\nb  \\x1b[2J\n");
    }
}
