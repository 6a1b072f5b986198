"""The tables of evcs.

Numbered from 101: a database of the original project has its 0001 to 0006 of an app of this name
on record, and would take ours for done.
"""

import django.core.validators
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from evcs.settings import evcs_settings


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(evcs_settings.FLAT_MODEL),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Station',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=20, unique=True, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9._-]{1,20}\\Z')])),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('last_seen', models.DateTimeField(blank=True, null=True)),
                ('heartbeat_s', models.PositiveIntegerField(default=60)),
                ('watched_until', models.DateTimeField(blank=True, null=True)),
                ('last_seq', models.BigIntegerField(default=0)),
                ('last_seq_uuid', models.UUIDField(blank=True, null=True)),
                ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('phase', models.CharField(blank=True, choices=[('available', 'Available'), ('preparing', 'Preparing'), ('charging', 'Charging'), ('suspended_ev', 'Suspended Ev'), ('finishing', 'Finishing'), ('faulted', 'Faulted'), ('unavailable', 'Unavailable'), ('other', 'Other')], max_length=16)),
                ('session_uuid', models.UUIDField(blank=True, null=True)),
                ('boot_id', models.CharField(blank=True, max_length=64)),
                ('uptime_ms', models.BigIntegerField(blank=True, null=True)),
                ('clock_offset_ms', models.BigIntegerField(blank=True, null=True)),
                ('time_quality', models.CharField(blank=True, choices=[('synced', 'Synced'), ('estimated', 'Estimated')], max_length=12)),
                ('software', models.CharField(blank=True, max_length=100)),
                ('meter_serial', models.CharField(blank=True, max_length=64, null=True)),
                ('meter_wh', models.BigIntegerField(blank=True, null=True)),
                ('power_w', models.BigIntegerField(blank=True, null=True)),
                ('pending', models.BigIntegerField(blank=True, null=True)),
                ('quarantined', models.BigIntegerField(blank=True, null=True)),
                ('faults', models.JSONField(blank=True, default=list)),
                ('tags_etag', models.CharField(blank=True, max_length=80, null=True)),
            ],
            options={
                'verbose_name': 'Ladestation',
                'verbose_name_plural': 'Ladestationen',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Tariff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField(unique=True)),
                ('price_per_kwh', models.DecimalField(decimal_places=5, max_digits=8, validators=[django.core.validators.MinValueValidator(0)])),
                ('vat_percent', models.DecimalField(decimal_places=2, default=0, max_digits=4, validators=[django.core.validators.MinValueValidator(0)])),
                ('currency', models.CharField(default='EUR', max_length=3)),
            ],
            options={
                'verbose_name': 'Tarif',
                'verbose_name_plural': 'Tarife',
                'ordering': ['-valid_from'],
            },
        ),
        migrations.CreateModel(
            name='ClosedMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(unique=True)),
                ('closed_at', models.DateTimeField()),
                ('override_by', models.CharField(blank=True, max_length=100)),
                ('override_reason', models.CharField(blank=True, max_length=500)),
                ('content', models.TextField(blank=True)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'Abgeschlossener Monat',
                'verbose_name_plural': 'Abgeschlossene Monate',
                'ordering': ['-month'],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(unique=True)),
                ('seq', models.BigIntegerField()),
                ('open_slot', models.SmallIntegerField(blank=True, null=True)),
                ('received_at', models.DateTimeField()),
                ('tag_uid', models.CharField(max_length=20)),
                ('authorized_by', models.CharField(choices=[('server', 'Server'), ('list', 'List'), ('none', 'None'), ('other', 'Other')], max_length=8)),
                ('started_at', models.DateTimeField()),
                ('time_quality', models.CharField(choices=[('synced', 'Synced'), ('estimated', 'Estimated')], max_length=12)),
                ('started_effective', models.DateTimeField()),
                ('start_serial', models.CharField(blank=True, max_length=64, null=True)),
                ('start_wh', models.BigIntegerField(blank=True, null=True)),
                ('start_l1_wh', models.BigIntegerField(blank=True, null=True)),
                ('start_l2_wh', models.BigIntegerField(blank=True, null=True)),
                ('start_l3_wh', models.BigIntegerField(blank=True, null=True)),
                ('end_received_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('end_time_quality', models.CharField(blank=True, choices=[('synced', 'Synced'), ('estimated', 'Estimated')], max_length=12)),
                ('end_reason', models.CharField(blank=True, choices=[('local', 'Local'), ('remote', 'Remote'), ('deauthorized', 'Deauthorized'), ('ev_finished', 'Ev Finished'), ('ev_disconnected', 'Ev Disconnected'), ('max_duration', 'Max Duration'), ('max_energy', 'Max Energy'), ('no_energy', 'No Energy'), ('overcurrent', 'Overcurrent'), ('emergency_stop', 'Emergency Stop'), ('meter_lost', 'Meter Lost'), ('contactor_fault', 'Contactor Fault'), ('power_loss', 'Power Loss'), ('restart', 'Restart'), ('shutdown', 'Shutdown'), ('not_started', 'Not Started'), ('other', 'Other')], max_length=20)),
                ('end_serial', models.CharField(blank=True, max_length=64, null=True)),
                ('end_wh', models.BigIntegerField(blank=True, null=True)),
                ('end_l1_wh', models.BigIntegerField(blank=True, null=True)),
                ('end_l2_wh', models.BigIntegerField(blank=True, null=True)),
                ('end_l3_wh', models.BigIntegerField(blank=True, null=True)),
                ('end_estimated', models.BooleanField(default=False)),
                ('stop_tag', models.CharField(blank=True, max_length=20, null=True)),
                ('interruptions', models.JSONField(blank=True, default=list)),
                ('provisional_at', models.DateTimeField(blank=True, null=True)),
                ('provisional_wh', models.BigIntegerField(blank=True, null=True)),
                ('orphan_strikes', models.SmallIntegerField(default=0)),
                ('orphan_at', models.DateTimeField(blank=True, null=True)),
                ('orphan_serial', models.CharField(blank=True, max_length=64, null=True)),
                ('orphan_wh', models.BigIntegerField(blank=True, null=True)),
                ('energy_wh', models.BigIntegerField(default=0)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('ended_month', models.DateField(blank=True, null=True)),
                ('month', models.DateField(blank=True, null=True)),
                ('booked_wh', models.BigIntegerField(default=0)),
                ('flags_text', models.CharField(blank=True, max_length=255)),
                ('flat', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=evcs_settings.FLAT_MODEL)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='evcs.station')),
            ],
            options={
                'verbose_name': 'Ladevorgang',
                'verbose_name_plural': 'Ladevorgänge',
                'ordering': ['-started_effective', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='SessionChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('field', models.CharField(max_length=40)),
                ('old', models.CharField(max_length=100, null=True)),
                ('new', models.CharField(max_length=100, null=True)),
                ('cause', models.CharField(max_length=40)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='evcs.session')),
            ],
            options={
                'verbose_name': 'Änderung',
                'verbose_name_plural': 'Änderungen',
                'ordering': ['session_id', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='SessionReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('flags_text', models.CharField(max_length=255)),
                ('by_name', models.CharField(max_length=100)),
                ('note', models.CharField(max_length=200)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='evcs.session')),
            ],
            options={
                'verbose_name': 'Prüfung',
                'verbose_name_plural': 'Prüfungen',
                'ordering': ['session_id', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('flat_key', models.CharField(blank=True, max_length=40)),
                ('content', models.TextField()),
                ('sha256', models.CharField(max_length=64)),
                ('closed', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='evcs.closedmonth')),
                ('flat', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=evcs_settings.FLAT_MODEL)),
            ],
            options={
                'verbose_name': 'Abrechnung',
                'verbose_name_plural': 'Abrechnungen',
                'ordering': ['-closed__month', 'flat_key'],
            },
        ),
        migrations.CreateModel(
            name='StatementMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('at', models.DateTimeField()),
                ('statement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mails', to='evcs.statement')),
            ],
            options={
                'verbose_name': 'Versand',
                'verbose_name_plural': 'Versand',
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='StatementRecipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.TextField(blank=True)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('language', models.CharField(choices=[('de', 'Deutsch'), ('en', 'English')], default='de', max_length=2)),
                ('flat', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=evcs_settings.FLAT_MODEL)),
            ],
            options={
                'verbose_name': 'Empfänger',
                'verbose_name_plural': 'Empfänger',
                'ordering': ['flat_id'],
            },
        ),
        migrations.CreateModel(
            name='QuarantineItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item_id', models.CharField(max_length=64)),
                ('raw', models.TextField()),
                ('reason', models.TextField()),
                ('received_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('settled_by', models.CharField(blank=True, max_length=100)),
                ('note', models.CharField(blank=True, max_length=200)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantine_items', to='evcs.station')),
            ],
            options={
                'verbose_name': 'Zurückgewiesene Meldung',
                'verbose_name_plural': 'Zurückgewiesene Meldungen',
                'ordering': ['-received_at'],
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('type', models.CharField(choices=[('stop', 'Stop'), ('disable', 'Disable'), ('enable', 'Enable'), ('reset', 'Reset')], max_length=10)),
                ('session_uuid', models.UUIDField(blank=True, null=True)),
                ('fault', models.CharField(blank=True, max_length=64, null=True)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('result', models.CharField(blank=True, choices=[('ok', 'Ok'), ('not_running', 'Not Running'), ('expired', 'Expired'), ('refused', 'Refused'), ('other', 'Other')], max_length=12)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='commands', to='evcs.station')),
            ],
            options={
                'verbose_name': 'Befehl',
                'verbose_name_plural': 'Befehle',
                'ordering': ['created_at'],
            },
        ),
        migrations.CreateModel(
            name='StationKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(max_length=12, unique=True)),
                ('sha512', models.CharField(max_length=128)),
                ('created_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='evcs.station')),
            ],
            options={
                'verbose_name': 'Schlüssel',
                'verbose_name_plural': 'Schlüssel',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=20, unique=True)),
                ('label', models.CharField(blank=True, max_length=100)),
                ('state', models.CharField(choices=[('accepted', 'Accepted'), ('blocked', 'Blocked')], default='accepted', max_length=10)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('stations', models.ManyToManyField(blank=True, help_text='Nur an diesen Stationen gültig; leer: an allen.', to='evcs.station')),
            ],
            options={
                'verbose_name': 'RFID-Karte',
                'verbose_name_plural': 'RFID-Karten',
                'ordering': ['uid'],
            },
        ),
        migrations.AddField(
            model_name='session',
            name='tag',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='evcs.tag'),
        ),
        migrations.CreateModel(
            name='TagAssignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateTimeField(blank=True, null=True)),
                ('valid_to', models.DateTimeField(blank=True, null=True)),
                ('flat', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=evcs_settings.FLAT_MODEL)),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='evcs.tag')),
            ],
            options={
                'verbose_name': 'Zuordnung',
                'verbose_name_plural': 'Zuordnungen',
                'ordering': ['tag_id', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='UnknownTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=20)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('times', models.PositiveIntegerField(default=1)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('settled_by', models.CharField(blank=True, max_length=100)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unknown_tags', to='evcs.station')),
            ],
            options={
                'verbose_name': 'Unbekannte Karte',
                'verbose_name_plural': 'Unbekannte Karten',
                'ordering': ['-last_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('import_wh', models.BigIntegerField()),
                ('power_w', models.BigIntegerField(blank=True, null=True)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='readings', to='evcs.session')),
            ],
            options={
                'verbose_name': 'Messwert',
                'verbose_name_plural': 'Messwerte',
                'ordering': ['session_id', 'n'],
                'constraints': [models.UniqueConstraint(fields=('session', 'n'), name='evcs_reading_once_per_session')],
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('energy_wh', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('late', 'Late'), ('correction', 'Correction'), ('move', 'Move')], max_length=12)),
                ('reason', models.CharField(max_length=200)),
                ('by_name', models.CharField(blank=True, max_length=100)),
                ('at', models.DateTimeField()),
                ('flat', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=evcs_settings.FLAT_MODEL)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='evcs.session')),
            ],
            options={
                'verbose_name': 'Buchung',
                'verbose_name_plural': 'Buchungen',
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['flat', 'month'], name='evcs_entry_flat_month')],
            },
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('closed', 'flat_key'), name='evcs_statement_once_a_month'),
        ),
        migrations.AddConstraint(
            model_name='statementmail',
            constraint=models.UniqueConstraint(fields=('statement', 'email'), name='evcs_mailed_once'),
        ),
        migrations.AddConstraint(
            model_name='quarantineitem',
            constraint=models.UniqueConstraint(fields=('station', 'item_id'), name='evcs_quarantine_once'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['station', 'seq'], name='evcs_session_station_seq'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['station', 'end_received_at', 'seq'], name='evcs_session_waiting_for_end'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['flat', 'month'], name='evcs_session_flat_month'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['station', 'month'], name='evcs_session_station_month'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['station', 'ended_month'], name='evcs_session_station_ended'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['month'], name='evcs_session_month'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['tag_uid', 'open_slot'], name='evcs_session_tag_open'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['started_effective'], name='evcs_session_started'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.UniqueConstraint(fields=('station', 'open_slot'), name='evcs_one_open_session_per_station'),
        ),
        migrations.AddConstraint(
            model_name='unknowntag',
            constraint=models.UniqueConstraint(fields=('uid', 'station'), name='evcs_unknown_tag_once'),
        ),
    ]
