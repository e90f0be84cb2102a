# Makes sapipe-many@.service of sapipe@.service: for tunnels with more than two tools. Their messages to systemd come from a child of the
# main process; sapipe run refuses such a tunnel where nobody would listen to it.
1s/.*/# A tunnel of \/etc\/sapipe with more than two tools: systemctl enable --now sapipe-many@berne/
/^# .*sapipe-many@.service, made of this file/d
s/^# The main process is esp-tun.*/# The main process is the shell of sapipe run, which calls systemd-notify./
s/^NotifyAccess=.*/NotifyAccess=all\nEnvironment=SAPIPE_NOTIFY=all/
s/sapipe@berne/sapipe-many@berne/
