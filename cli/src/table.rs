use comfy_table::{CellAlignment, Table};

/// A table for people: a line of headers, then rows, columns two blanks apart. A header that ends
/// with `>` is that of a column of numbers, which is set to the right.
pub(crate) fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(headers.iter().map(|header| header.trim_end_matches('>')));
    table.add_rows(rows);
    for (at, header) in headers.iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, 2));
            if header.ends_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
