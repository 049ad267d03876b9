//! The tokens of a structured field, and their way back into text. Comments nest; a backslash
//! takes the next byte literally in quotes, comments, literals and also in atoms.

/// One token; the bytes are without quoting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word.
    Atom(Vec<u8>),
    /// `"..."`
    Quoted(Vec<u8>),
    /// `[...]`
    Literal(Vec<u8>),
    /// `(...)`
    Comment(Vec<u8>),
    /// `@`
    At,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `<`
    Left,
    /// `>`
    Right,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
}

/// The text has a quote, comment or literal without end, or an end without beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unbalanced quotes, parentheses or brackets")]
pub struct Unbalanced;

/// Takes text apart.
pub fn parse(text: &[u8]) -> Result<Vec<Token>, Unbalanced> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        let token = match b {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'.' => Token::Dot,
            b',' => Token::Comma,
            b'@' => Token::At,
            b'<' => Token::Left,
            b'>' => Token::Right,
            b':' => Token::Colon,
            b';' => Token::Semicolon,
            b')' | b']' => return Err(Unbalanced),
            b'(' => Token::Comment(enclosed(&mut rest, Some(b'('), b')')?),
            b'"' => Token::Quoted(enclosed(&mut rest, None, b'"')?),
            b'[' => Token::Literal(enclosed(&mut rest, None, b']')?),
            first => atom(*first, &mut rest),
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// Writes tokens as text, in lines: a new one begins after a comma, with two spaces, where the
/// next element would make the line longer than `width`. The text ends with a newline.
pub fn print(tokens: &[Token], width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = Vec::new();
    for (index, element) in elements(tokens).into_iter().enumerate() {
        // The two more are the line end that the original reserves while it decides.
        if index > 0 && line.len() + element.len() + 2 > width {
            out.append(&mut line);
            out.push(b'\n');
            line.push(b' ');
        }
        line.extend(element);
    }
    out.append(&mut line);
    out.push(b'\n');
    out
}

/// Writes tokens as an envelope has them: no quoting, no comments, nothing between them.
pub fn unquote(tokens: &[Token]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Atom(bytes) | Token::Quoted(bytes) => out.extend_from_slice(bytes),
            Token::Literal(bytes) => {
                out.push(b'[');
                out.extend_from_slice(bytes);
                out.push(b']');
            }
            Token::Comment(_) => {}
            Token::At
            | Token::Dot
            | Token::Comma
            | Token::Left
            | Token::Right
            | Token::Colon
            | Token::Semicolon => write(token, &mut out),
        }
    }
    out
}

impl Token {
    /// Whether this is a word or something that needs a space beside one.
    const fn is_wordlike(&self) -> bool {
        matches!(
            self,
            Self::Atom(_) | Self::Quoted(_) | Self::Literal(_) | Self::Comment(_)
        )
    }
}

/// Printed tokens, cut after every comma.
fn elements(tokens: &[Token]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    let mut element = Vec::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        if before.is_some_and(|before| needs_space(before, token)) {
            element.push(b' ');
        }
        write(token, &mut element);
        if *token == Token::Comma {
            elements.push(std::mem::take(&mut element));
        }
        before = Some(token);
    }
    if !element.is_empty() {
        elements.push(element);
    }
    elements
}

fn enclosed(rest: &mut &[u8], opening: Option<u8>, closing: u8) -> Result<Vec<u8>, Unbalanced> {
    let mut content = Vec::new();
    let mut depth = 1_usize;
    while let Some((b, after)) = rest.split_first() {
        *rest = after;
        if *b == b'\\' {
            let (literal, after) = rest.split_first().ok_or(Unbalanced)?;
            *rest = after;
            content.push(*literal);
        } else if *b == closing {
            depth -= 1;
            if depth == 0 {
                return Ok(content);
            }
        } else if Some(*b) == opening {
            depth += 1;
        } else {
            content.push(*b);
        }
    }
    Err(Unbalanced)
}

fn atom(first: u8, rest: &mut &[u8]) -> Token {
    let mut content = Vec::new();
    let mut next = Some(first);
    while let Some(b) = next {
        if b != b'\\' {
            content.push(b);
        } else if let Some((literal, after)) = rest.split_first() {
            *rest = after;
            content.push(*literal);
        }
        next = match rest.split_first() {
            Some((b, after)) if is_atom_byte(*b) => {
                *rest = after;
                Some(*b)
            }
            _ => None,
        };
    }
    if content.iter().all(|b| is_plain(*b)) {
        Token::Atom(content)
    } else {
        Token::Quoted(content)
    }
}

const fn is_atom_byte(b: u8) -> bool {
    !matches!(
        b,
        b' ' | b'\t'
            | b'\r'
            | b'\n'
            | b'('
            | b'['
            | b'"'
            | b'<'
            | b'>'
            | b';'
            | b':'
            | b'@'
            | b','
            | b'.'
    )
}

/// What may stand in an atom when it is written; with anything else it becomes a quoted string.
const fn is_plain(b: u8) -> bool {
    matches!(b, 32..=126) && !matches!(b, b')' | b']' | b'\\')
}

const fn needs_space(before: &Token, token: &Token) -> bool {
    matches!(before, Token::Colon | Token::Comma)
        || matches!(token, Token::Left)
        || (before.is_wordlike() && token.is_wordlike())
}

fn write(token: &Token, out: &mut Vec<u8>) {
    match token {
        Token::Atom(bytes) => escaped(bytes, out),
        Token::Quoted(bytes) => between(b'"', bytes, b'"', out),
        Token::Literal(bytes) => between(b'[', bytes, b']', out),
        Token::Comment(bytes) => between(b'(', bytes, b')', out),
        Token::At => out.push(b'@'),
        Token::Dot => out.push(b'.'),
        Token::Comma => out.push(b','),
        Token::Left => out.push(b'<'),
        Token::Right => out.push(b'>'),
        Token::Colon => out.push(b':'),
        Token::Semicolon => out.push(b';'),
    }
}

fn between(opening: u8, bytes: &[u8], closing: u8, out: &mut Vec<u8>) {
    out.push(opening);
    escaped(bytes, out);
    out.push(closing);
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for b in bytes {
        if matches!(b, b'"' | b'[' | b']' | b'(' | b')' | b'\\' | b'\r' | b'\n') {
            out.push(b'\\');
        }
        out.push(*b);
    }
}

#[cfg(test)]
mod tests;
