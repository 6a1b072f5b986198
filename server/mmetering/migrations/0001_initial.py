"""The tables of mmetering, as the original has them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Activities',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=70)),
                ('text', models.CharField(max_length=300)),
                ('timestamp', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'Aktivität',
                'verbose_name_plural': 'Aktivitäten',
            },
        ),
        migrations.CreateModel(
            name='Flat',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='z.B. Wohnungsnummer', max_length=200, verbose_name='Beschreibung')),
                ('modus', models.CharField(choices=[('IM', 'Import'), ('EX', 'Export')], default='IM', max_length=2)),
            ],
            options={
                'verbose_name': 'Wohnung',
                'verbose_name_plural': 'Wohnungen',
            },
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('addresse', models.IntegerField(default=0)),
                ('seriennummer', models.CharField(max_length=45)),
                ('init_datetime', models.DateTimeField(auto_now_add=True)),
                ('active', models.BooleanField(default=False, verbose_name='Aktivieren')),
                ('available', models.BooleanField(default=False)),
                ('start_datetime', models.DateTimeField(blank=True, null=True, verbose_name='Laufzeit Start')),
                ('end_datetime', models.DateTimeField(blank=True, null=True, verbose_name='Laufzeit Ende')),
                ('flat', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='mmetering.flat', verbose_name='Wohnung')),
            ],
            options={
                'verbose_name': 'Zähler',
                'verbose_name_plural': 'Zähler',
            },
        ),
        migrations.CreateModel(
            name='MeterData',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('saved_time', models.DateTimeField(db_index=True)),
                ('value', models.FloatField()),
                ('value_l1', models.FloatField(blank=True, null=True)),
                ('value_l2', models.FloatField(blank=True, null=True)),
                ('value_l3', models.FloatField(blank=True, null=True)),
                ('meter', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='mmetering.meter')),
            ],
            options={
                'permissions': [('can_download', 'Can download MeterData'), ('can_view', 'Can view MeterData')],
            },
        ),
    ]
