-- ALTER POLICY cannot take a check away.

set local lock_timeout = '4s';

drop policy user_policy on oadb.setting_changes;
drop policy user_policy on oadb.pending_orders;

create policy user_policy on oadb.setting_changes
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.pending_orders
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
