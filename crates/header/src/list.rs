//! Address lists. They are read from right to left, because only so a word before `<` or `:` is
//! known for a name; every address is handed out on the way and put back as it returns.

use crate::Token;

/// Why a list cannot be understood. Addresses to the right of the trouble were handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// `name: a, b` without `;`, and nothing before the name.
    #[error("group without end")]
    OpenGroup,
    /// The same, with addresses before it that were not read.
    #[error("group without end after other addresses")]
    OpenGroupLater,
    /// `;` inside a group.
    #[error("group inside a group")]
    NestedGroup,
    /// `>` without `<`.
    #[error("angle bracket without beginning")]
    LoneBracket,
}

/// Rewrites every address of a field; `field` begins with its name and a colon. Addresses are
/// handed out in reading order of their tokens, but the last address comes first.
pub fn rewrite(
    mut field: Vec<Token>,
    each: impl FnMut(&mut Vec<Token>),
) -> Result<Vec<Token>, ListError> {
    let rest = field.split_off(field.len().min(2));
    let mut reader = Reader {
        rest,
        out: Vec::new(),
        address: Vec::new(),
        is_word_next: false,
        is_in_group: false,
        each,
    };
    reader.read()?;
    field.extend(reader.out.into_iter().rev());
    Ok(field)
}

struct Reader<F> {
    /// What is still to be read, from its end.
    rest: Vec<Token>,
    /// What has been read, in reverse.
    out: Vec<Token>,
    /// The address being read, in reverse.
    address: Vec<Token>,
    /// Whether the last thing read was a word: another one beside it is another address.
    is_word_next: bool,
    /// Whether a `;` was read, but not yet the name of its group.
    is_in_group: bool,
    each: F,
}

impl<F: FnMut(&mut Vec<Token>)> Reader<F> {
    fn read(&mut self) -> Result<(), ListError> {
        while let Some(token) = self.rest.pop() {
            self.take(token)?;
        }
        self.end_address();
        Ok(())
    }

    fn take(&mut self, token: Token) -> Result<(), ListError> {
        match token {
            Token::Semicolon => self.group_end()?,
            Token::Colon => self.group_name()?,
            Token::Right => self.angle_address()?,
            Token::Comment(_) => self.out.push(token),
            Token::Comma => {
                self.end_address();
                self.out.push(token);
                self.is_word_next = false;
            }
            Token::Atom(_) | Token::Quoted(_) | Token::Literal(_) => {
                if self.is_word_next {
                    self.end_address_with_comma();
                }
                self.is_word_next = true;
                self.address.push(token);
            }
            Token::At | Token::Dot | Token::Left => {
                self.is_word_next = false;
                self.address.push(token);
            }
        }
        Ok(())
    }

    fn group_end(&mut self) -> Result<(), ListError> {
        self.end_address_with_comma();
        if self.is_in_group {
            return Err(ListError::NestedGroup);
        }
        self.is_in_group = true;
        self.out.push(Token::Semicolon);
        self.is_word_next = false;
        Ok(())
    }

    fn open_group(&self) -> ListError {
        if self.rest.contains(&Token::Comma) {
            ListError::OpenGroupLater
        } else {
            ListError::OpenGroup
        }
    }

    fn group_name(&mut self) -> Result<(), ListError> {
        self.end_address();
        if !self.is_in_group {
            return Err(self.open_group());
        }
        self.is_in_group = false;
        self.out.push(Token::Colon);
        while let Some(token) = self.rest.pop() {
            let is_comma = token == Token::Comma;
            self.out.push(token);
            if is_comma {
                break;
            }
        }
        self.is_word_next = false;
        Ok(())
    }

    fn angle_address(&mut self) -> Result<(), ListError> {
        self.end_address_with_comma();
        self.out.push(Token::Right);
        loop {
            match self.rest.pop() {
                Some(Token::Left) => break,
                Some(token) => self.address.push(token),
                None => return Err(ListError::LoneBracket),
            }
        }
        // Even if there is nothing in it: <> is an address.
        self.hand_out();
        self.out.push(Token::Left);
        while self.rest.last().is_some_and(is_phrase) {
            self.out.extend(self.rest.pop());
        }
        self.is_word_next = true;
        Ok(())
    }

    fn end_address_with_comma(&mut self) {
        if !self.address.is_empty() {
            self.hand_out();
            self.out.push(Token::Comma);
        }
    }

    fn end_address(&mut self) {
        if !self.address.is_empty() {
            self.hand_out();
        }
    }

    fn hand_out(&mut self) {
        self.address.reverse();
        (self.each)(&mut self.address);
        self.out.extend(self.address.drain(..).rev());
    }
}

const fn is_phrase(token: &Token) -> bool {
    matches!(
        token,
        Token::Comment(_) | Token::Atom(_) | Token::Quoted(_) | Token::At | Token::Dot
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token;

    fn read(field: &str) -> (Vec<String>, Result<String, ListError>) {
        let mut found = Vec::new();
        let tokens = token::parse(field.as_bytes()).unwrap();
        let rewritten = rewrite(tokens, |address| {
            found.push(token::unquote(address).escape_ascii().to_string());
        });
        let printed = rewritten.map(|t| token::print(&t, 80).escape_ascii().to_string());
        (found, printed)
    }

    #[track_caller]
    fn check(field: &str, addresses: &[&str], printed: &str) {
        let (found, shown) = read(field);
        assert_eq!(found, addresses);
        assert_eq!(shown, Ok(printed.as_bytes().escape_ascii().to_string()));
    }

    #[track_caller]
    fn fails(field: &str, addresses: &[&str], error: ListError) {
        let (found, shown) = read(field);
        assert_eq!(found, addresses);
        assert_eq!(shown, Err(error));
    }

    #[test]
    fn addresses_come_from_the_right() {
        check(
            "To: a, b@c (x), Q R <k>",
            &["k", "b@c", "a"],
            "To: a, b@c (x), Q R <k>\n",
        );
        check("To:", &[], "To:\n");
        check("To: <>", &[""], "To: <>\n");
    }

    #[test]
    fn words_without_separator_are_separate_addresses() {
        check("To: p q r@s", &["r@s", "q", "p"], "To: p, q, r@s\n");
        check(
            "To: a (c1) b, <q> (c2)",
            &["q", "b", "a"],
            "To: a, b (c1), <q>(c2)\n",
        );
    }

    #[test]
    fn groups_keep_their_names() {
        check("To: grp: n, o;, p", &["p", "o", "n"], "To: grp: n, o;, p\n");
        check("To: a, some one: ;", &["a"], "To: a, some one: ;\n");
    }

    #[test]
    fn errors_say_whether_addresses_were_missed() {
        fails("To: Open: a, b", &["b", "a"], ListError::OpenGroup);
        fails("To: x, Open: a, b", &["b", "a"], ListError::OpenGroupLater);
        fails("To: a; b;", &["b"], ListError::NestedGroup);
        fails("To: a@b>", &[], ListError::LoneBracket);
    }

    #[test]
    fn a_comment_never_splits_an_address() {
        check(
            "To: jack (in) @ h (end)",
            &["jack@h"],
            "To: jack@h (in) (end)\n",
        );
    }

    proptest::proptest! {
        #[test]
        fn a_list_written_again_stays_as_it_is(text in "[ab@.,:;<> ()\"]{0,30}") {
            let once = token::parse(format!("To: {text}").as_bytes()).ok();
            let once = once.and_then(|tokens| rewrite(tokens, |_| {}).ok());
            if let Some(once) = once {
                let again = token::parse(&token::print(&once, 80)).unwrap();
                proptest::prop_assert_eq!(rewrite(again, |_| {}), Ok(once));
            }
        }
    }
}
