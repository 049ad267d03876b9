//! doc/vpopmail.md.

use super::page::Page;
use super::place::{Place, is_inside};
use super::procmail::{LIST, PLAIN};
use crate::man::vpopmail_domain::Domain;

/// "What a message for joe@dom.example passes", and "procmail for one user".
#[test]
fn a_user_of_a_domain_sorts_mail_with_procmail() {
    let test = "recipes::vpopmail::a_user_of_a_domain_sorts_mail_with_procmail";
    if !is_inside(test, &["procmail"]) {
        return;
    }
    let page = Page::read("vpopmail.md");
    let place = Place::new();
    let domain = Domain::at(&place.home);
    let directory = "/home/vpopmail/domains/dom.example";
    let ours = domain.path("").display().to_string();
    let ours = ours.trim_end_matches('/');
    place.home.control("locals", "test.example\n");
    place
        .home
        .control("virtualdomains", &page.block("control/virtualdomains"));
    let (uid, gid) = (place.home.uid(), place.home.gid());
    let assign = page.block("users/assign").replace(directory, ours);
    let assign = assign.replace(":89:89:", &format!(":{uid}:{gid}:"));
    place
        .home
        .assign(assign.strip_suffix(".\n").expect("its last line"));
    let default = page.block("/home/vpopmail/domains/dom.example/.qmail-default");
    domain.file(".qmail-default", place.in_place(&default));
    let daemons = place.home.start_daemons();
    place.send("joe@dom.example", PLAIN);
    daemons.wait_for_lines("end msg", 1);
    assert_eq!(domain.mail("joe").len(), 1, "{}", daemons.log());
    let orders = page.block("/home/vpopmail/domains/dom.example/joe/.qmail");
    let rules = page.block("/home/vpopmail/domains/dom.example/joe/.procmailrc");
    domain
        .file("joe/.qmail", orders)
        .file("joe/.procmailrc", rules);
    place.send("joe@dom.example", PLAIN);
    place.send("joe@dom.example", LIST);
    daemons.wait_for_lines("end msg", 3);
    assert_eq!(domain.mail("joe").len(), 2, "{}", daemons.log());
    let announced = harness::mailbox::maildir(&domain.path("joe/Maildir/.announce"));
    assert_eq!(announced.len(), 1);
}
