//! doc/dovecot.md: mail that was delivered can be read over IMAP, and what has been read is marked
//! in the Maildir.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::wait;

use super::page::Page;
use super::place::{Place, is_inside};
use super::procmail::PLAIN;

struct Imap {
    reader: BufReader<TcpStream>,
    tag: u32,
}

impl Imap {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("dovecot");
        stream
            .set_read_timeout(Some(wait::PATIENCE))
            .expect("timeout");
        Self {
            reader: BufReader::new(stream),
            tag: 0,
        }
    }

    /// Gives a command and returns everything up to its OK.
    #[track_caller]
    fn ask(&mut self, command: &str) -> String {
        self.tag += 1;
        let tag = format!("a{}", self.tag);
        write!(self.reader.get_mut(), "{tag} {command}\r\n").expect("write");
        let mut answer = String::new();
        loop {
            let begin = answer.len();
            let count = self.reader.read_line(&mut answer).expect("an answer");
            let line = &answer[begin..];
            assert!(count > 0, "{command}: {answer}");
            if line.starts_with(&format!("{tag} ")) {
                assert!(
                    line.starts_with(&format!("{tag} OK")),
                    "{command}: {answer}"
                );
                return answer;
            }
        }
    }
}

#[test]
fn dovecot_reads_the_maildir() {
    if !is_inside("recipes::dovecot::dovecot_reads_the_maildir", &["dovecot"]) {
        return;
    }
    let place = Place::new();
    let page = Page::read("dovecot.md");
    place.home.mkdir("mail/joe/dovecot");
    for (name, block) in [
        ("dovecot/dovecot.conf", "/home/joe/dovecot/dovecot.conf"),
        ("dovecot/users", "/home/joe/dovecot/users"),
    ] {
        place.file(name, &page.block(block));
    }
    let mut service = place.service(&page.block("/etc/qmail/dovecot/run"), 1143);
    let daemons = place.home.start_daemons();
    place.send("joe@test.example", PLAIN);
    daemons.wait_for_lines("end msg", 1);
    let mut imap = Imap::connect(1143);
    imap.ask("login joe secret");
    let inbox = imap.ask("select INBOX");
    assert!(inbox.contains("* 1 EXISTS\r\n"), "{inbox}");
    let text = imap.ask("fetch 1 body[]");
    assert!(
        text.contains("Delivered-To: joe@test.example\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nShall we have lunch?\r\n"), "{text}");
    // What comes while somebody is reading is seen.
    place.send("joe@test.example", "Subject: dinner\n\nLate.\n");
    daemons.wait_for_lines("end msg", 2);
    let found = wait::within(Duration::from_secs(20), || {
        imap.ask("noop").contains("* 2 EXISTS\r\n").then_some(())
    });
    assert!(found.is_some(), "the second message is not seen");
    let answer = imap.ask("fetch 2 body[header.fields (subject)]");
    assert!(answer.contains("Subject: dinner\r\n"), "{answer}");
    imap.ask("store 1 +flags (\\Deleted)");
    imap.ask("expunge");
    imap.ask("logout");
    assert_eq!(place.mail("Maildir").len(), 1);
    service.stop();
}
