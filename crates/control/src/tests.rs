//! Control files on disk.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

struct Home(PathBuf);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("control-{}-{number}", std::process::id()));
        std::fs::create_dir_all(path.join("control")).unwrap();
        for (name, content) in files {
            let mut file = File::create(path.join("control").join(name)).unwrap();
            file.write_all(content.as_bytes()).unwrap();
        }
        Self(path)
    }

    fn control(&self) -> Control {
        Control::new(&self.0)
    }

    #[track_caller]
    fn allows(&self, recipient: &str, expected: bool) {
        let hosts = RcptHosts::read(&self.control()).unwrap();
        assert_eq!(
            hosts.allows(recipient.as_bytes()).unwrap(),
            expected,
            "{recipient}"
        );
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_file_is_the_default_and_an_empty_one_is_not() {
    let home = Home::new(&[("empty", ""), ("me", "host.example\n")]);
    let control = home.control();
    assert_eq!(control.line("missing").unwrap(), None);
    assert_eq!(
        control.line_or_me("missing").unwrap().unwrap(),
        b"host.example"
    );
    assert_eq!(control.line_or_me("empty").unwrap().unwrap(), b"");
    assert_eq!(control.list("missing").unwrap(), None);
    assert_eq!(control.list("empty").unwrap(), Some(Vec::new()));
    assert_eq!(control.integer_or("empty", 7).unwrap(), 7);
}

#[test]
fn without_me_the_literal_is_left() {
    let home = Home::new(&[]);
    assert_eq!(
        home.control()
            .line_or_me_or("defaulthost", "defaulthost")
            .unwrap(),
        b"defaulthost"
    );
}

#[test]
fn locals_are_me_unless_listed() {
    let home = Home::new(&[("me", "Host.Example\n")]);
    assert!(
        home.control()
            .locals()
            .unwrap()
            .unwrap()
            .contains(b"host.example")
    );
    let home = Home::new(&[("me", "host.example\n"), ("locals", "")]);
    assert!(home.control().locals().unwrap().unwrap().is_empty());
    assert!(Home::new(&[]).control().locals().unwrap().is_none());
}

#[test]
fn what_cannot_be_read_is_an_error_naming_the_file() {
    let home = Home::new(&[]);
    std::fs::create_dir(home.0.join("control/me")).unwrap();
    let error = home.control().me().unwrap_err();
    assert!(error.to_string().ends_with("control/me"), "{error}");
}

#[test]
fn a_file_without_end_is_an_error() {
    let home = Home::new(&[]);
    std::os::unix::fs::symlink("/dev/zero", home.0.join("control/me")).unwrap();
    assert!(home.control().me().is_err());
}

#[test]
fn rcpthosts_lists_domains_and_their_parents() {
    let home = Home::new(&[("rcpthosts", "local.example\n.sub.example\nMiXed.Example\n")]);
    home.allows("r@local.example", true);
    home.allows("r@LOCAL.example", true);
    home.allows("r@mixed.example", true);
    home.allows("r@a.sub.example", true);
    home.allows("r@a.b.sub.example", true);
    home.allows("r@sub.example", false);
    home.allows("r@a.local.example", false);
    home.allows("r@local.example@elsewhere", false);
    home.allows("nohost", true);
    home.allows("r@", false);
}

#[test]
fn an_empty_rcpthosts_allows_no_domain() {
    let home = Home::new(&[("rcpthosts", ""), ("me", "host.example\n")]);
    home.allows("r@host.example", false);
    home.allows("nohost", true);
}

#[test]
fn morercpthosts_counts_only_beside_rcpthosts() {
    let home = Home::new(&[("rcpthosts", "a.example\n")]);
    let path = home.0.join("control/morercpthosts.cdb");
    let mut writer = cdb::Writer::new(File::create(path).unwrap()).unwrap();
    writer.add(b"b.example", b"").unwrap();
    writer.add(b".c.example", b"").unwrap();
    writer.finish().unwrap();
    home.allows("r@B.example", true);
    home.allows("r@x.c.example", true);
    home.allows("r@c.example", false);
    std::fs::remove_file(home.0.join("control/rcpthosts")).unwrap();
    home.allows("r@b.example", false);
}

#[test]
fn a_damaged_morercpthosts_is_an_error() {
    let home = Home::new(&[("rcpthosts", "a.example\n"), ("morercpthosts.cdb", "short")]);
    let hosts = RcptHosts::read(&home.control()).unwrap();
    assert!(hosts.allows(b"r@b.example").is_err());
    assert!(hosts.allows(b"r@a.example").unwrap());
}

#[test]
fn without_rcpthosts_only_our_own_domains_are_accepted() {
    let home = Home::new(&[
        ("me", "host.example\n"),
        (
            "virtualdomains",
            "virt.example:u\nbob@user.example:b\n.sub.example:s\nout.sub.example:\n:all\n",
        ),
    ]);
    home.allows("r@host.example", true);
    home.allows("r@virt.example", true);
    home.allows("bob@user.example", true);
    home.allows("eve@user.example", false);
    home.allows("r@x.sub.example", true);
    home.allows("r@out.sub.example", false);
    home.allows("r@anywhere.example", false);
    home.allows("r@", false);
    assert!(!RcptHosts::read(&home.control()).unwrap().is_listed());
}

#[test]
fn a_recipient_without_domain_is_ours_if_envnoathost_is() {
    let bare = |files: &[(&str, &str)]| {
        let control = Home::new(files);
        let control = control.control();
        let rcpthosts = RcptHosts::read(&control).unwrap();
        let routes = Routes::read(&control).unwrap();
        routes.is_ours(&rcpthosts, b"bare").unwrap()
    };
    let listed = ("rcpthosts", "a.example\n");
    assert!(bare(&[listed, ("me", "mx.example\n")]));
    assert!(bare(&[
        listed,
        ("envnoathost", "A.example\n"),
        ("locals", "")
    ]));
    assert!(!bare(&[listed, ("me", "mx.example\n"), ("locals", "")]));
    let elsewhere = ("envnoathost", "far.example\n");
    assert!(!bare(&[listed, elsewhere, ("me", "mx.example\n")]));
    assert!(bare(&[
        listed,
        elsewhere,
        ("virtualdomains", "far.example:u\n")
    ]));
    assert!(!bare(&[
        listed,
        elsewhere,
        ("virtualdomains", "far.example:\n")
    ]));
}

#[test]
fn all_that_a_percent_sign_makes_of_a_recipient_must_be_ours() {
    let home = Home::new(&[
        ("rcpthosts", "hack.example\nours.example\n"),
        ("me", "mx.example\n"),
        ("percenthack", "hack.example\n"),
    ]);
    let rcpthosts = RcptHosts::read(&home.control()).unwrap();
    let routes = Routes::read(&home.control()).unwrap();
    for (recipient, expected) in [
        ("a@hack.example", true),
        ("a%ours.example@hack.example", true),
        ("a%far.example@hack.example", false),
        ("a%far.example%hack.example@hack.example", false),
        ("a%far.example@ours.example", true),
    ] {
        let is_ours = routes.is_ours(&rcpthosts, recipient.as_bytes()).unwrap();
        assert_eq!(is_ours, expected, "{recipient}");
    }
    assert!(routes.is_local(b"bare") && !routes.is_local(b"a@hack.example"));
}
