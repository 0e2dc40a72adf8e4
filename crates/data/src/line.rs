//! Words for messages, which are one line each.

/// Writes a text on one line. Control characters, which a file's name may contain, become `\n`,
/// `\u{1b}` and the like.
pub fn one_line(text: &impl ToString) -> String {
    let mut line = String::new();
    for character in text.to_string().chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}
