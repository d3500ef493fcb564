-- Every setting is lost, and who changed which.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where
    table_name in (
        'settings', 'setting_changes', 'trading_mode', 'security_settings', 'smtp_settings',
        'app_setting_changes', 'ban_rules'
    );

drop table oadb.app_setting_changes;
drop table oadb.smtp_settings;
drop view oadb.ban_rules;
drop table oadb.security_settings;
drop table oadb.trading_mode;
drop table oadb.setting_changes;
drop table oadb.settings;
