//! The line that qmail-queue puts before every message.

use os::account::Roles;

/// `Received: (qmail PID invoked WHO); DATE` and a line end. Who called is known by the real user
/// id; in a single-account home all roles share it, so it says nothing there.
pub(crate) fn line(roles: &Roles, pid: u32, uid: u32, now: u64) -> String {
    format!(
        "Received: (qmail {pid} invoked {}); {}\n",
        who(roles, uid),
        datetime::rfc822(now)
    )
}

fn who(roles: &Roles, uid: u32) -> String {
    if roles.single {
        format!("by uid {uid}")
    } else if uid == roles.alias.uid {
        "by alias".to_owned()
    } else if uid == roles.qmaild.uid {
        "from network".to_owned()
    } else if uid == roles.qmails.uid {
        "for bounce".to_owned()
    } else {
        format!("by uid {uid}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use os::account::Account;

    fn roles(single: bool) -> Roles {
        let account = |name, uid| Account { name, uid, gid: 1 };
        Roles {
            single,
            alias: account("alias", 1),
            qmaild: account("qmaild", 2),
            qmaill: account("qmaill", 3),
            qmailp: account("qmailp", 4),
            qmailq: account("qmailq", 5),
            qmailr: account("qmailr", 6),
            qmails: account("qmails", 7),
            qmail: 1,
            nofiles: 1,
        }
    }

    #[test]
    fn the_caller_is_known_by_its_real_user() {
        let who = |uid| who(&roles(false), uid);
        assert_eq!(who(1), "by alias");
        assert_eq!(who(2), "from network");
        assert_eq!(who(7), "for bounce");
        assert_eq!(who(0), "by uid 0");
    }

    #[test]
    fn the_line_is_the_documented_one() {
        assert_eq!(
            line(&roles(true), 2867, 1, 1_795_333_902),
            "Received: (qmail 2867 invoked by uid 1); 22 Nov 2026 07:51:42 -0000\n"
        );
    }
}
